#!/usr/bin/env python3
"""The architecture's arrows, read from the sources: who includes whom, who may know Lua, who allocates.

One TAP line for each rule; a breach is named with its file and line.
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Folder: the folders whose headers it may include. src/base is the common base.
MAY_KNOW = {
    "base": {"base"},
    "sched": {"base", "sched"},
    "config": {"base", "config"},
    "vm": {"base", "sched", "vm"},
    "src": {"base", "sched", "config", "vm", "src"},
}
LUA_HEADERS = {"lua.h", "lauxlib.h", "lualib.h", "luajit.h", "lua.hpp"}
MAY_KNOW_LUA = {"vm", "src"}
TOP_LEVEL = {"Makefile", "src", "vm", "sched", "config", "tests", "bench", "scripts", "man", "README.md", ".ci",
             "LICENSE", "CHANGELOG.md", "SECURITY.md", ".clang-format", ".clang-tidy", ".gitignore"}
ALLOCATES = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|strndup)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def folder_of(path):
    return "base" if path.startswith("src/base/") else path.split("/")[0]


def sources():
    for folder in ("src/base", "src", "sched", "config", "vm"):
        for path in sorted(glob.glob(folder + "/*.[ch]")):
            yield path


def target_of(header, includer):
    """The folder that a quoted include leads to ("gen": written by the build), or None when there is no such file."""
    if os.path.exists("build/gen/" + header):
        return "gen"
    candidates = [header, "src/" + header, os.path.normpath(os.path.join(os.path.dirname(includer), header))]
    for path in candidates:
        if os.path.exists(path):
            return folder_of(path)
    return None


def lines_of(path):
    """The numbered lines of a C file, comments and string contents blanked."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    blank = lambda found: re.sub(r"[^\n]", " ", found.group(0))
    code = re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)
    return enumerate(code.split("\n"), 1)


def top_level_names():
    """What git has there; in a source archive, what there is."""
    listed = subprocess.run(["git", "ls-files"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    names = {path.split("/")[0] for path in listed.stdout.splitlines()}
    return names or set(os.listdir(".")) - {"build"}


def breaches():
    """Yields (rule, text) for every breach; rules are the keys of RULES."""
    for path in sources():
        own = folder_of(path)
        for number, line in lines_of(path):
            where = "%s:%d" % (path, number)
            found = INCLUDE.match(line)
            if found and found.group(1):
                target = target_of(found.group(1), path)
                if target is None:
                    yield "arrows", '%s: "%s" is no header of the project' % (where, found.group(1))
                elif target not in MAY_KNOW[own] | {"gen", None}:
                    yield "arrows", '%s: %s includes "%s"; it may know only %s' % (
                        where, own, found.group(1), ", ".join(sorted(MAY_KNOW[own])))
            elif found and found.group(2) in LUA_HEADERS and own not in MAY_KNOW_LUA:
                yield "lua", "%s: %s includes <%s>; only vm and src know Lua" % (where, own, found.group(2))
            allocates = ALLOCATES.search(re.sub(r'"(\\.|[^"\\])*"', '""', line))
            if allocates and not path.startswith("src/base/alloc."):
                yield "alloc", "%s: %s; our code allocates with base/alloc.h" % (where, allocates.group(1))
    for name in sorted(top_level_names() - TOP_LEVEL):
        yield "top", "%s: not among the names of the top level" % name


RULES = {
    "arrows": "includes follow src -> vm, config, sched; vm -> sched; all -> base",
    "lua": "only vm and src include Lua's headers",
    "alloc": "memory is allocated through base/alloc.h",
    "top": "nothing new at the top level",
}


def main():
    os.chdir(ROOT)
    if not list(sources()):
        print("Bail out! no sources found")
        return 1
    found = {}
    for rule, text in breaches():
        found.setdefault(rule, []).append(text)
    print("1..%d" % len(RULES))
    for number, (rule, title) in enumerate(RULES.items(), 1):
        print("%s %d - %s" % ("not ok" if rule in found else "ok", number, title))
        for text in found.get(rule, []):
            print("# " + text)
    return 1 if found else 0


sys.exit(main())
