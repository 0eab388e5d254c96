"""Lambda: functions that can be listed, looked at and invoked, and queues mapped to them"""

from broker.edge.aws.lambda_ import event_source_mappings, functions, invoke
from broker.edge.aws.lambda_.service import lambda_

__all__ = ["event_source_mappings", "functions", "invoke", "lambda_"]
