#!/usr/bin/env python3
"""esctest.py DIR OPTION...: runs the esctest2 in DIR (the one with esctest.py) with its own options, unchanged but for one
thing: before each test the terminal is reset (RIS), and what it still says to the test before is read away.

A test of esctest2 trusts its own reset(), which is soft: what one test breaks, others fail of. DIR is not written to.
"""

import os
import select
import sys

sys.dont_write_bytecode = True
where = sys.argv.pop(1)
sys.path.insert(0, where)

path = os.path.join(where, "esctest.py")
with open(path, encoding="utf-8") as file:
  source = file.read().rstrip()
# it runs as it is imported
body, call, rest = source.rpartition("\nmain()")
if not call or rest:
  sys.exit("esctest.py does not end with main(): this is not the esctest2 that is known here")
esctest = {"__name__": "esctest", "__file__": path}
exec(compile(body + "\n", path, "exec"), esctest)

soft = esctest["reset"]
escio = sys.modules["escio"]
escargs = sys.modules["escargs"]


def reset():
  escio.use8BitControls = False
  # the answer to DSR 5 is the last thing the terminal says before the next test
  escio.Write("\033c\033[5n", sideChannelOk=False)
  fd = sys.stdin.fileno()
  said = b""
  while not said.endswith(b"\033[0n"):
    ready, _, _ = select.select([fd], [], [], escargs.args.timeout)
    if not ready:
      break
    said += os.read(fd, 4096)
  soft()


esctest["reset"] = reset
esctest["main"]()
