"""`mmeplan completion`: the completion script of a shell, made by click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mmeplan.cli.door import verbatim

EXAMPLES = """\b
Examples:
  mmeplan completion bash >> ~/.bashrc
  mmeplan completion zsh > "${fpath[1]}/_mmeplan"
  mmeplan completion fish > ~/.config/fish/completions/mmeplan.fish
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL."""
    from mmeplan.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None
    verbatim(kind(app, {}, "mmeplan", "_MMEPLAN_COMPLETE").source())
