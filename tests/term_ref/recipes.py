"""What make.py records: programs, the keys typed to each, and the files they are shown. Everything is made up here, so
that a recording says nothing of the machine it was taken on."""

import os
import shutil
import subprocess

HOME = "/tmp/thub-demo"

SMALL, LARGE = (80, 24), (200, 50)

WORDS = "amber basil cedar delta ember fjord grove haven islet jetty knoll ledge maple north ocean pearl quill ridge slate tulip".split()

CODE = """/* A queue of work, first in first out. */
#include <stdio.h>
#include <stdlib.h>

#define MOST 64

struct queue {
\tint items[MOST];
\tsize_t from, count;
};

static int put(struct queue *q, int item)
{
\tif (q->count == MOST)
\t\treturn -1;
\tq->items[(q->from + q->count++) % MOST] = item;
\treturn 0;
}

static int take(struct queue *q)
{
\tint item = q->items[q->from];
\tq->from = (q->from + 1) % MOST;
\tq->count--;
\treturn item; /* TODO: what of an empty one? */
}
"""

CJK = """한글과 漢字 그리고 かな: 모두 두 칸이다.
가나다라마바사아자차카타파하 가나다라마바사아자차카타파하 가나다라마바사아자차카타파하!
一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十
x一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十
ｆｕｌｌ　ｗｉｄｔｈ ﾊﾝｶｸ
"""

MARKS = """e\u0301 o\u0308 n\u0303 A\u030a: precomposed é ö ñ Å
Vie\u0323\u0302t Nam, a\u0304\u0301 two marks, x\u0336y\u0336z\u0336 struck
\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u0627\u0644\u0633\u0651\u064e\u0644\u0627\u0645
zero\u200bwidth\u200dspace
a\u0300\rb
한\u0301 中\u0308 wide with a mark
"""

EMOJI = """🙂 smile 🚀 rocket 🎉 party 🐙 octopus
|🙂|🚀|🎉|🐙|
🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥
x🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥
✅ done ❌ failed ⌛ wait ⭐ star
"""

# a character that is narrow by itself, and wide with U+FE0F behind it; what comes after says how wide it was taken to be
VARIATION = "\u2764\ufe0f\033[6G|\u2764\ufe0f|\r\n\u2708\ufe0fab\033[1;3Hx\033[3;79H\u2764\ufe0fy\033[6;1H\u2764y\u2764\ufe0e|"

# over halves of wide characters, at the edges, in regions
EDGES = (
  "\033[1;1H中中中中\033[1;2HX\033[2;1H中中中中\033[2;3HY\033[3;79H中中\033[5;80H中\033[7;1H中中中\033[7;2H\033[K"
  "\033[8;1H中中中\033[8;4H\033[1K\033[9;1Hab中中cd\033[9;4H\033[P\033[10;1Hab中中cd\033[10;4H\033[@"
  "\033[11;1Hab中中cd\033[11;4H\033[X\033[12;75Habcde中\033[14;1H\033[44mblue\033[K\033[m\033[15;1H\033[42m中\033[m|"
  "\033[18;22r\033[18;1Hone\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nseven\033[18;1H\033M\033[41mtop\033[r\033[24;1Hend"
)

STYLES = "".join(
  f"\033[{code}m{name}\033[m " for code, name in [
    (1, "bold"), (2, "dim"), (3, "italic"), (4, "underline"), (5, "blink"), (7, "inverse"), (8, "hidden"), (9, "strike"),
    (21, "double"), (53, "overline"), ("4:3", "curly"), ("4:4", "dotted"), ("4:5", "dashed"),
    ("4;58;5;9", "red-line"), ("4:3;58;2;1;2;3", "rgb-line"), ("38;2;250;120;10", "rgb"), ("48;5;24", "indexed"),
    ("38:2::9:8:7", "colons"), ("1;31;44", "all"), ("91;102", "bright"),
  ]) + "\r\n" + "".join(f"\033[48;5;{n}m \033[m" for n in range(16, 76)) + "\r\n" + "".join(
    f"\033[{n};1mw\033[22mn\033[2md\033[m" for n in range(30, 38)) + "\033[7m\033[K\033[m\r\n\033[3;4;9mabc\033[23md\033[24me\033[29mf\r\n"

PROGRESS = r"""
for i in 10 45 80 100; do printf '\r\033[K[%3d%%] building crate-%d' $i $i; done; echo
printf 'one\ntwo\nthree\n'; printf '\033[2A\033[2Ktwo: \033[32mok\033[m\033[2B\r'
printf '\0337\033[0;23r\0338\033[1A'; printf '\0337\033[24;0f\033[42m\033[30mProgress: [ 42%%]\033[49m\033[39m [######......] \0338'
for i in $(seq 1 25); do echo "Unpacking package-$i (1.$i-2) ..."; done
printf '\0337\033[24;0f\033[42m\033[30mProgress: [ 97%%]\033[49m\033[39m [###########.] \0338'
printf 'tab\there\tand\tthere\b\b\bX\n'
"""

TPUT = r"""
tput clear; tput smacs; echo 'lqqqqqqqqqqwqqqqqqqqqqk'; echo 'x          x          x'; echo 'tqqqqqqqqqqnqqqqqqqqqqu'
echo 'x          x          x'; echo 'mqqqqqqqqqqvqqqqqqqqqqj'; tput rmacs; tput cup 1 2; tput bold; echo -n bold; tput sgr0
tput cup 3 13; tput setaf 3; tput rev; echo -n yellow; tput sgr0; tput cup 6 0; printf '\033)0a\016`afgijklmnopqrstuvwxyz{|}~\017z\n'
tput cup 10 0; for i in 1 2 3 4; do echo "line $i"; done; tput cup 11 0; tput il 2; tput cup 14 0; tput dl1; tput cup 20 5; tput ech 3; tput el1
"""

TMUX = """set -g default-command '/bin/bash --norc'
set -g status-right 'right'
set -g escape-time 0
set -g default-terminal screen-256color
"""


def demo():
  """A home with files to look at, the same each time."""
  shutil.rmtree(HOME, ignore_errors=True)
  os.makedirs(os.path.join(HOME, "project/src"))
  os.makedirs(os.path.join(HOME, "project/docs/old"))

  def write(name, content):
    path = os.path.join(HOME, name)
    with open(path, "w", encoding="utf-8", newline="") as file:
      file.write(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))

  write("project/src/queue.c", CODE * 3)
  write("project/src/한글 이름.txt", CJK)
  write("project/docs/notes.md", "# Notes\n\n" + "".join(f"{n:3}. {' '.join(WORDS[n % 7:n % 7 + 9])}\n" for n in range(1, 80)))
  write("project/docs/old/empty", "")
  write("project/run.sh", "#!/bin/sh\nexec true\n")
  os.chmod(os.path.join(HOME, "project/run.sh"), 0o755)
  os.symlink("docs/notes.md", os.path.join(HOME, "project/notes"))
  write("words", "".join(f"{a}-{b}\n" for a in WORDS for b in WORDS[:6]))
  write("tmux.conf", TMUX)
  for name, content in (("cjk", CJK), ("marks", MARKS), ("emoji", EMOJI), ("variation", VARIATION), ("edges", EDGES), ("styles", STYLES),
                        ("progress", PROGRESS), ("tput", TPUT)):
    write(name, content)
  git = {**os.environ, "HOME": HOME, "GIT_CONFIG_NOSYSTEM": "1"}
  for name in ("AUTHOR", "COMMITTER"):
    git.update({f"GIT_{name}_NAME": "Demo", f"GIT_{name}_EMAIL": "demo@example.org"})

  def run(*words, day=0):
    date = f"2024-01-{day + 1:02} 12:00:00 +0000"
    subprocess.run(["git", "-C", os.path.join(HOME, "project"), *words], check=True, stdout=subprocess.DEVNULL,
                   env={**git, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})

  run("init", "-q", "-b", "main")
  run("add", "-A")
  run("commit", "-qm", "a queue, and notes of it", day=0)
  for n in range(1, 9):
    branch = "side" if n in (3, 4) else "main"
    if n == 3:
      run("checkout", "-qb", "side")
    elif n == 5:
      run("checkout", "-q", "main")
    write("project/src/" + branch + str(n) + ".c", CODE[:100 * n])
    run("add", "-A")
    run("commit", "-qm", f"{branch}: {' '.join(WORDS[n:n + 6])}", day=n)
  run("merge", "-q", "--no-ff", "-m", "the side comes in", "side", day=10)
  write("project/src/queue.c", CODE.replace("MOST", "LIMIT") + CODE * 2)
  return HOME


def sh(script):
  return ["bash", "--norc", "-c", script]


VIM = ["vim", "--clean", "-c", "syntax on", "-c", "set noswapfile viminfo="]

RECIPES = {
  "bash": {"size": SMALL, "run": ["bash", "--norc"], "keys": [
    "ls --color=always project\r", "echo one two three", "\033[D\033[D\033[D\033[D\033[D\x17long\033[D\033[D", "\x01\x1b[C\x0b\x19\r",
    "for i in 1 2 3; do echo $i 한글; done\r", "\x12echo", "\x07", "cat pro\t\t", "src/q\t\x15", "echo " + "wrapped " * 13, "\x01X\x05Y\x7f"]},
  "fish": {"size": SMALL, "run": ["fish", "--no-config"], "keys": [
    "ls pro\t", "\r", "echo 'quoted", " text' | cat\r", "cd project\r", "git lo", "\x15", "ec", "\033[C\x15", "ls -\t"]},
  "vim": {"size": SMALL, "run": VIM + ["project/src/queue.c"], "keys": [
    "5GoInserted 한글 text\033", "yyppdd", "\x06\x05\x05", "ggVjjj", "\033/item\r", "nn", ":set number\r", "10Gdd3Ju", ":split\r", "zz"]},
  "vim-colors": {"size": LARGE, "run": VIM + ["-c", "set termguicolors background=dark", "-c", "colorscheme desert", "project/src/queue.c"],
                 "keys": [":vsplit project/docs/notes.md\r", "\x05\x05\x19", "/ocean\r", "\x17w5dd"]},
  "nvim": {"size": SMALL, "run": ["nvim", "--clean", "-n", "-c", "set termguicolors", "project/src/queue.c"],
           "keys": ["10Goint 한글;\033", "\x05\x05\x05", ":split\r", "GA // end\033", "\x06", ":s/q/queue/g\r"]},
  "less": {"size": SMALL, "run": ["less", "-R", "project/docs/notes.md"], "keys": [" ", "jjjj", "/ocean\r", "nn", "kk", "-N\r"]},
  "less-large": {"size": LARGE, "run": ["less", "project/src/queue.c"], "keys": [" ", "kkkk", "/item\r", "n"]},
  "git-log": {"size": SMALL, "run": ["git", "-C", "project", "-c", "core.pager=less -R", "log", "--graph", "--decorate", "--stat", "--color"],
              "keys": [" ", "jjj", "/side\r"]},
  "git-diff": {"size": LARGE, "run": ["git", "-C", "project", "-c", "core.pager=less -R", "diff", "--color", "--color-words"],
               "keys": [" ", "k"]},
  "tig": {"size": SMALL, "run": ["tig", "-C", "project"], "keys": ["jj\r", "jjj", "\t\x04"]},
  "htop": {"size": SMALL, "run": sh("sleep 900 & sleep 901 & exec htop"), "keys": ["\033OB\033OB", "t", "\033OS", "q"[:0]]},
  "htop-large": {"size": LARGE, "run": sh("sleep 900 & sleep 901 & exec htop"), "keys": ["t", "\033OQ", "\033"]},
  "top": {"size": SMALL, "run": sh("sleep 900 & exec top"), "keys": ["z", "x", "c"]},
  "tmux": {"size": SMALL, "run": ["tmux", "-f", "tmux.conf", "new"], "keys": [
    "ls --color=always project\r", "\x02%", "seq 1 30\r", "\x02\"", "echo 한글 e\u0301\r", "\x02\x1b[D", "cat words | head -40\r", "\x02[\x15", "q"]},
  "tmux-large": {"size": LARGE, "run": ["tmux", "-f", "tmux.conf", "new"], "keys": [
    "git -C project log --color --oneline --graph | cat\r", "\x02%\x02\"", "cat cjk marks\r", "\x02o", "vim --clean -n project/src/queue.c\r", "\x06", "\x02c", "\x02w"]},
  "screen": {"size": SMALL, "run": ["screen", "-c", "/dev/null", "bash", "--norc"], "keys": ["seq 1 40\r", "cat cjk\r", "\x01S", "\x01\t\x01c", "ls --color=always project\r"]},
  "mc": {"size": SMALL, "run": ["mc", "-u", "-d", "project", "/etc/skel"], "keys": ["\033OB"[:0] + "\x0e\x0e\r", "\0339", "\r", "\x0e\x0e"]},
  "nano": {"size": SMALL, "run": ["nano", "-I", "project/docs/notes.md"], "keys": ["New 한글 line\r", "\x16\x16", "\x17ocean\r", "\x0b\x0b\x15", "\x0f"]},
  "fzf": {"size": SMALL, "run": sh("fzf --multi --preview 'echo {} {}; cat project/run.sh' < words"), "keys": ["ma", "\x10\x10\t", "\x10", "p"]},
  "whiptail": {"size": SMALL, "run": ["whiptail", "--title", "Choose", "--checklist", "What is wanted", "15", "60", "5", "one", "first", "on", "two",
                                      "second", "off", "three", "third 한글", "on"], "keys": ["\033[B ", "\t"]},
  "ls": {"size": LARGE, "run": sh("TIME_STYLE=+%Y ls -lR --color=always project | sed 's/ root / demo /g'; ls --color=always -C project/* ; exec cat")},
  "progress": {"size": SMALL, "run": sh(". ./progress; exec cat")},
  "tput": {"size": SMALL, "run": sh(". ./tput; exec cat")},
  "styles": {"size": SMALL, "run": sh("cat styles -")},
  "cjk": {"size": SMALL, "run": sh("cat cjk; printf '\\033[3;40H\\033[31m中\\033[m\\033[2;3H\\033[2P\\033[9;1H'; cat cjk -"), "keys": ["가나\x7f다\r"]},
  "marks": {"size": SMALL, "run": sh("cat marks -")},
  "emoji": {"size": SMALL, "run": sh("cat emoji -")},
  "emoji-variation": {"size": SMALL, "run": sh("cat variation -")},
  "edges": {"size": SMALL, "run": sh("cat edges -")},
}
