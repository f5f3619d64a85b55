"""`python -m uutel_bridge`: the command line, where the console script is not on PATH."""

from uutel_bridge.cli.main import main

main()
