"""`python -m broker.cli`: the command without its script"""

from broker.cli.main import main

main()
