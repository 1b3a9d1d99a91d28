#!/usr/bin/env python3
"""Takes recordings of real programs, and asks tmux what the screen is after each. README.md beside this says how to use it.

  make.py record NAME...   runs the program of RECIPES in a PTY, types its keys, writes NAME/in and NAME/size
  make.py want NAME...     feeds NAME/in to a tmux pane of that size, writes NAME/want (text) and NAME/style
  make.py against SIZE FILE | make.py against DIR
                           counts the cells that differ between tmux and thub (the THUB variable, or target/debug/thub)

NAME may be "all". Where NAME/note says that tmux is wrong, its want and style were mended by hand: they are left alone, but
with --force. tmux has to be 3.4 or newer (older ones do not tell of cells that were erased with a colour); the variable
THUB_TMUX names another than the one on the PATH.
"""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tty
import fcntl
import unicodedata

sys.dont_write_bytecode = True
from recipes import RECIPES, demo  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MOST = 60_000
TMUX = os.environ.get("THUB_TMUX", "tmux")


# recording ------------------------------------------------------------------------------------------------------------

def record(name):
  """Runs the program in a namespace of its own, so that nothing of this machine is in the recording."""
  recipe = RECIPES[name]
  cols, rows = recipe["size"]
  home = demo()
  env = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "USER": "demo", "LOGNAME": "demo",
    "LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor", "SHELL": "/bin/bash", "TZ": "UTC",
    "PS1": "\\[\\033[1;32m\\]demo\\[\\033[m\\]:\\[\\033[1;34m\\]\\w\\[\\033[m\\]$ ", "HISTFILE": "", "LESSHISTFILE": "-",
    "XDG_RUNTIME_DIR": home, "TMUX_TMPDIR": home,
  }
  argv = ["unshare", "-u", "-p", "-f", "--mount-proc", "sh", "-c", 'hostname demo; exec "$@"', "sh"] + recipe["run"]
  pid, fd = pty.fork()
  if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    os.chdir(home)
    os.execvpe(argv[0], argv, env)
  fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
  mode = termios.tcgetattr(fd)
  # a cooked line erases whole characters
  mode[0] |= 0o40000
  termios.tcsetattr(fd, termios.TCSANOW, mode)
  said = bytearray()

  def settle(most):
    """Reads until it has been quiet for a moment."""
    end = time.monotonic() + most
    while time.monotonic() < end:
      ready, _, _ = select.select([fd], [], [], 0.5)
      if not ready:
        return
      try:
        piece = os.read(fd, 65536)
      except OSError:
        return
      if not piece:
        return
      said.extend(piece)

  settle(4)
  for keys in recipe.get("keys", []):
    # as a person types: programs tell a lone Escape by the time after it
    for key in re.findall(r"\033[\[O][0-9;]*[A-Za-z~]|.", keys, re.S):
      os.write(fd, key.encode())
      time.sleep(0.03)
    settle(2)
  os.killpg(pid, signal.SIGKILL)
  os.waitpid(pid, 0)
  os.close(fd)
  if len(said) > MOST:
    sys.exit(f"{name}: {len(said)} bytes are too many: type less")
  put(name, "in", bytes(said))
  put(name, "size", f"{cols}x{rows}\n".encode())
  print(f"{name}: {len(said)} bytes of {cols}x{rows}")


def put(name, file, data):
  path = os.path.join(HERE, name)
  os.makedirs(path, exist_ok=True)
  with open(os.path.join(path, file), "wb") as out:
    out.write(data)


# tmux -----------------------------------------------------------------------------------------------------------------

def feed(path, socket, program):
  """In the pane: writes the recording as it is; when tmux has answered what comes behind it, it has read all."""
  tty.setraw(0)
  with open(path, "rb") as file:
    data = file.read()
  # what it answers meanwhile must not fill its queue
  done = b"\x18\x1b[5n"
  said = b""
  at = 0
  data += done
  while not said.endswith(b"\x1b[0n"):
    ready, writable, _ = select.select([0], [1] if at < len(data) else [], [], 20)
    if ready:
      said += os.read(0, 4096)
    elif writable:
      at += os.write(1, data[at:at + 4096])
    else:
      break
  subprocess.run([program, "-S", socket, "wait-for", "-S", "fed"], check=True)
  time.sleep(1000)


def tmux(path, cols, rows):
  """The screen in a tmux pane after these bytes: rows of cells."""
  place = tempfile.TemporaryDirectory()
  socket = os.path.join(place.name, "socket")
  env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE")}
  env["LANG"] = env["LC_ALL"] = "C.UTF-8"

  def run(*words):
    return subprocess.run([TMUX, "-S", socket, *words], env=env, check=True, stdout=subprocess.PIPE).stdout

  with place:
    conf = os.path.join(place.name, "conf")
    with open(conf, "w", encoding="ascii") as file:
      file.write("set -g status off\nset -g default-terminal tmux-256color\nset -g remain-on-exit on\n")
      file.write("set -g history-limit 0\nset -s escape-time 0\n")
    feeder = [sys.executable, os.path.abspath(__file__), "feed", os.path.abspath(path), socket, TMUX]
    run("-f", conf, "new-session", "-d", "-x", str(cols), "-y", str(rows), *feeder)
    try:
      run("wait-for", "fed")
      said = run("capture-pane", "-p", "-e", "-N").decode("utf-8", "replace")
    finally:
      subprocess.run([TMUX, "-S", socket, "kill-server"], env=env, check=False)
  return cells(said, cols, rows)


# a screen with SGR, as rows of cells ----------------------------------------------------------------------------------

UNDERLINES = {"0": "", "1": "underline", "2": "double", "3": "curly", "4": "dotted", "5": "dashed"}
FLAGS = ["bold", "dim", "italic", "underline", "blink", "inverse", "hidden", "strike", "overline"]
ON = {"1": "bold", "2": "dim", "3": "italic", "5": "blink", "6": "blink", "7": "inverse", "8": "hidden", "9": "strike",
      "53": "overline"}
OFF = {"22": ["bold", "dim"], "23": ["italic"], "24": ["underline"], "25": ["blink"], "27": ["inverse"], "28": ["hidden"],
       "29": ["strike"], "55": ["overline"]}
COLORS = {"38": "fg", "48": "bg", "58": "ul"}
DRAWING = dict(zip("`afgijklmnopqrstuvwxyz{|}~", "◆▒°±␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"))


def sgr(pen, body):
  words = body.split(";") if body else ["0"]
  while words:
    word = words.pop(0) or "0"
    if ":" in word:
      part = word.split(":")
      if part[0] == "4":
        pen["underline"] = UNDERLINES.get(part[1], "underline")
      elif part == ["5", "3"]:
        # so tmux (3.7c) writes 53
        pen["overline"] = "overline"
      elif part[0] in COLORS:
        rest = [p for p in part[2:] if p != ""]
        pen[COLORS[part[0]]] = rest[0] if part[1] == "5" else "#%02x%02x%02x" % tuple(map(int, rest[-3:]))
      continue
    n = int(word)
    if n == 0:
      pen.clear()
    elif word in ON:
      pen[ON[word]] = ON[word]
    elif n == 4:
      pen["underline"] = "underline"
    elif n == 21:
      pen["underline"] = "double"
    elif word in OFF:
      for name in OFF[word]:
        pen.pop(name, None)
    elif word in COLORS and words:
      if words.pop(0) == "5":
        pen[COLORS[word]] = words.pop(0)
      else:
        pen[COLORS[word]] = "#%02x%02x%02x" % tuple(map(int, words[:3]))
        del words[:3]
    elif n in (39, 49, 59):
      pen.pop({39: "fg", 49: "bg", 59: "ul"}[n], None)
    else:
      for base, name, add in ((30, "fg", 0), (40, "bg", 0), (90, "fg", 8), (100, "bg", 8)):
        if base <= n < base + 8:
          pen[name] = str(n - base + add)


def look(text, pen):
  """In the words of tests/conformance/look.rs."""
  seen = {k: v for k, v in pen.items() if v}
  if text == " ":
    for name in ("bold", "dim", "italic", "blink", "hidden"):
      seen.pop(name, None)
    if not any(seen.get(n) for n in ("inverse", "strike", "overline", "underline")):
      seen.pop("fg", None)
  if not seen.get("underline"):
    seen.pop("ul", None)
  words = [f"{n}={seen[n]}" for n in ("fg", "bg", "ul") if n in seen]
  return " ".join(words + [seen[n] for n in FLAGS if n in seen])


def width(char):
  if unicodedata.category(char) in ("Mn", "Me", "Cf") or 0x1160 <= ord(char) <= 0x11FF:
    return 0
  return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cells(said, cols, rows):
  """Rows of [text, width, look]; a wide character is one."""
  pen, drawing, out = {}, False, []
  for line in said.split("\n")[:rows]:
    row = []
    for found in re.finditer(r"\033\[([0-9;:]*)m|(\016|\017)|\033\][^\033]*\033\\|(.)", line):
      seq, shift, char = found.groups()
      if shift:
        drawing = shift == "\016"
      elif char == "\t":
        at = sum(c[1] for c in row)
        row += [[" ", 1, look(" ", pen)] for _ in range(min(8 - at % 8, cols - at))]
      elif char:
        char = DRAWING.get(char, char) if drawing else char
        wide = width(char)
        if wide == 0 and row:
          row[-1][0] += char
        elif sum(c[1] for c in row) + wide <= cols:
          row.append([char, wide, look(char, pen)])
      elif seq is not None:
        sgr(pen, seq)
    while sum(c[1] for c in row) < cols:
      row.append([" ", 1, ""])
    out.append(row)
  while len(out) < rows:
    out.append([[" ", 1, ""] for _ in range(cols)])
  return out


def text(row):
  return "".join(c[0] for c in row).rstrip(" ")


def runs(screen):
  """As tests/conformance/look.rs has them: ROW COL COUNT WORDS."""
  out = []
  for r, row in enumerate(screen):
    col, run = 0, None
    for _, wide, words in row + [["", 0, ""]]:
      if run and run[2] == words:
        run[1] += wide
      else:
        if run and run[2]:
          out.append(f"{r} {run[0]} {run[1]} {run[2]}")
        run = [col, wide, words]
      col += wide
  return out


# what is asked for ----------------------------------------------------------------------------------------------------

def size_of(path):
  with open(os.path.join(path, "size"), encoding="ascii") as file:
    return tuple(map(int, file.read().strip().split("x")))


def want(name, force):
  path = os.path.join(HERE, name)
  screen = tmux(os.path.join(path, "in"), *size_of(path))
  lines = "".join(text(row) + "\n" for row in screen)
  style = "".join(run + "\n" for run in runs(screen))
  if os.path.exists(os.path.join(path, "note")) and not force:
    for file, now in (("want", lines), ("style", style)):
      with open(os.path.join(path, file), encoding="utf-8") as kept:
        if kept.read() != now:
          print(f"{name}: tmux has another {file} (see its note)")
    return
  put(name, "want", lines.encode())
  put(name, "style", style.encode())
  print(f"{name}: {sum(bool(text(r)) for r in screen)} lines, {len(runs(screen))} runs of style")


def against(words):
  if len(words) == 1:
    path, (cols, rows) = os.path.join(words[0], "in"), size_of(words[0])
  else:
    path, (cols, rows) = words[1], tuple(map(int, words[0].split("x")))
  thub = os.environ.get("THUB") or os.path.join(HERE, "../../target/debug/thub")
  said = subprocess.run([thub, "debug", "replay", "--size", f"{cols}x{rows}", "--ansi", path], check=True,
                        stdout=subprocess.PIPE).stdout.decode()
  ours, theirs = cells(said, cols, rows), tmux(path, cols, rows)

  def spread(row, what):
    return [x for c in row for x in [c[what]] + ["" if what == 0 else c[what]] * (c[1] - 1)]

  counts = []
  for what, name in ((0, "text"), (2, "style")):
    count = 0
    for r, (a, b) in enumerate(zip(ours, theirs)):
      pairs = list(zip(spread(a, what), spread(b, what)))
      wrong = [i for i, (x, y) in enumerate(pairs) if x != y]
      if wrong:
        print(f"{name} {r},{wrong[0]}: thub {pairs[wrong[0]][0]!r}, tmux {pairs[wrong[0]][1]!r}")
      count += len(wrong)
    counts.append(count)
  print(f"{path}: {counts[0]} cells with another text, {counts[1]} with another style")
  return 1 if any(counts) else 0


def main(argv):
  if len(argv) < 2:
    sys.exit(__doc__)
  verb, words = argv[0], [w for w in argv[1:] if w != "--force"]
  if verb == "feed":
    feed(*words)
  elif verb == "against":
    sys.exit(against(words))
  elif verb == "record":
    for name in RECIPES if words == ["all"] else words:
      record(name)
  elif verb == "want":
    version = subprocess.run([TMUX, "-V"], check=True, stdout=subprocess.PIPE).stdout.decode()
    number = re.search(r"(\d+)\.(\d+)", version)
    if not number or tuple(map(int, number.groups())) < (3, 4):
      sys.exit(f"{TMUX} is {version.strip()}: too old: 3.4 is needed")
    names = sorted(n for n in os.listdir(HERE) if os.path.exists(os.path.join(HERE, n, "in")))
    for name in names if words == ["all"] else words:
      want(name, "--force" in argv)
  else:
    sys.exit(__doc__)


if __name__ == "__main__":
  main(sys.argv[1:])
