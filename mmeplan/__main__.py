"""`python -m mmeplan`."""

from mmeplan.cli import main

main()
