"""Lambda: functions that can be listed, looked at and invoked"""

from broker.edge.aws.lambda_ import functions, invoke
from broker.edge.aws.lambda_.rest import ROOT, answer_rest

__all__ = ["ROOT", "answer_rest", "functions", "invoke"]
