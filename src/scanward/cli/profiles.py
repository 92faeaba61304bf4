"""``scanward profiles``: what each shipped profile keeps."""

import shutil
import textwrap

import click


@click.command()
def profiles() -> None:
    """List the profiles that come with Scanward: for whom each is, and what it keeps."""
    from scanward.deidentify.profile import SHIPPED, load_profile

    width = min(shutil.get_terminal_size().columns, 110)
    for name in SHIPPED:
        profile = load_profile(name)
        click.secho(name, bold=True)
        click.echo(textwrap.fill(profile.description, width, initial_indent="    ", subsequent_indent="    "))
        options = ", ".join(sorted(option.meaning.removesuffix(" Option") for option in profile.options))
        if options:
            text = f"Options of PS3.15 Annex E: {options}."
            click.echo(textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    "))
        click.echo(textwrap.fill(profile.pixels.in_words, width, initial_indent="    ", subsequent_indent="    "))
