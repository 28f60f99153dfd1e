"""A workload under the user's own configuration: a copy of it in which the workload's code is included."""
import os
import re
import shutil

from .peers import workload_folder

INCLUDED = "bench-workload/entries.yaml"
COPIED = (".yaml", ".yml", ".lua")


class CannotInclude(Exception):
    """The configuration's `include:` is written in a way that is not understood."""


def with_include(text, path=INCLUDED):
    """The YAML text of a main configuration file with `path` added to its top-level `include:`."""
    found = re.search(r"^include:[ \t]*(.*)$", text, re.M)
    if not found:
        end = re.search(r"^\.\.\.\s*$", text, re.M)
        head, tail = (text[:end.start()], text[end.start():]) if end else (text, "")
        return head.rstrip("\n") + "\ninclude: [%s]\n" % path + tail
    value = re.sub(r"(^|\s)#.*$", "", found.group(1)).strip()
    start, end = found.span(1)
    if value == "":
        item = re.match(r"(?:[ \t]*(?:#.*)?\n)+([ \t]*)-[ \t]", text[end:])
        if not item:
            raise CannotInclude("include: neither [a, b] nor a list of lines that begin with '-'")
        return text[:end] + "\n%s- %s" % (item.group(1), path) + text[end:]
    if value.startswith("["):
        rest = text[start + 1:]
        return text[:start] + "[%s%s" % (path, "" if re.match(r"\s*\]", rest) else ", ") + rest
    raise CannotInclude("include: a list was expected, found %r" % value)


def stage(config, workload, directory):
    """Copies the configuration's folder (YAML and Lua files) and the workload's code into `directory`; returns the
    path of the main file there."""
    config = os.path.abspath(config)
    source = os.path.dirname(config)
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(COPIED):
                place = os.path.join(directory, os.path.relpath(folder, source))
                os.makedirs(place, exist_ok=True)
                shutil.copy(os.path.join(folder, name), place)
    shutil.copytree(workload_folder(workload), os.path.join(directory, os.path.dirname(INCLUDED)))
    with open(config, encoding="utf-8") as file:
        text = with_include(file.read())
    staged = os.path.join(directory, os.path.basename(config))
    with open(staged, "w", encoding="utf-8") as file:
        file.write(text)
    return staged
