"""the lambda invoker: functions on AWS Lambda, or on any endpoint that speaks its API"""

from broker_lambda.invoker import LambdaInvoker

__all__ = ["LambdaInvoker"]
