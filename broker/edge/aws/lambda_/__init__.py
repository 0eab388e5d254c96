"""Lambda: functions that can be listed, looked at and invoked"""

from broker.edge.aws.lambda_ import functions, invoke
from broker.edge.aws.lambda_.service import lambda_

__all__ = ["functions", "invoke", "lambda_"]
