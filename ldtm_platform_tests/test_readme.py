"""The README says what there is: its commands, settings and make targets are those of the code."""

import re
from pathlib import Path

import typer

from ldtm_platform.cli.app import app
from ldtm_platform.settings import Settings

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> str:
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))


def test_the_command_table_lists_every_command_and_no_other() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # a group, which typer does not say
    assert set(re.findall(r"`([a-z-]+)`", first_cells(section("Commands")))) == commands


def test_the_settings_table_lists_every_setting_and_no_other() -> None:
    named = set()
    for name, field in Settings.model_fields.items():
        choices = getattr(field.validation_alias, "choices", None)
        named.add(choices[0] if choices else f"LDTM_{name.upper()}")
    assert set(re.findall(r"`([A-Z_]+)`", first_cells(section("Settings")))) == named


def test_the_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {word for line in re.findall(r"`make ([a-z -]+)`", README) for word in line.split()}
    assert {"demo", "test"} <= named <= targets


def test_the_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((PROJECT / picture).is_file() for picture in pictures)
