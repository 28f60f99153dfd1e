"""The tables that the programs print for generators, read on their own: tests compare with them what was made of them."""
import subprocess

from programs import TROUPE, TROUPED


def read():
    """{section: [[cell, ...], ...]}"""
    sections, rows = {}, None
    for program in (TROUPED, TROUPE):
        result = subprocess.run([program, "--dump-tables"], capture_output=True, text=True, check=True)
        for line in result.stdout.splitlines():
            if line.startswith("[") and line.endswith("]"):
                rows = sections.setdefault(line[1:-1], [])
            else:
                rows.append(line.split("\t"))
    return sections


def options(sections):
    """{command: [option name, ...]}"""
    found = {}
    for command, name, *_ in sections["options"]:
        of_command = found.setdefault(command, [])
        if name:
            of_command.append(name)
    return found


def verbs(sections):
    """[verb, ...]"""
    return [command.split(" ")[1] for command in options(sections) if " " in command]
