# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_thub_global_optspecs
    string join \n H/host= F/ssh-config= json h/help V/version
end

function __fish_thub_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_thub_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_thub_using_subcommand
    set -l cmd (__fish_thub_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c thub -n "__fish_thub_needs_command" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_needs_command" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_needs_command" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thub -n "__fish_thub_needs_command" -s V -l version -d 'Print version'
complete -c thub -n "__fish_thub_needs_command" -a "new" -d 'Start a session'
complete -c thub -n "__fish_thub_needs_command" -a "new-session" -d 'Start a session'
complete -c thub -n "__fish_thub_needs_command" -a "ls" -d 'List sessions'
complete -c thub -n "__fish_thub_needs_command" -a "list-sessions" -d 'List sessions'
complete -c thub -n "__fish_thub_needs_command" -a "attach" -d 'Show one session full screen, prefix keys live'
complete -c thub -n "__fish_thub_needs_command" -a "a" -d 'Show one session full screen, prefix keys live'
complete -c thub -n "__fish_thub_needs_command" -a "attach-session" -d 'Show one session full screen, prefix keys live'
complete -c thub -n "__fish_thub_needs_command" -a "send" -d 'Type into a session'
complete -c thub -n "__fish_thub_needs_command" -a "send-keys" -d 'As tmux\'s: each KEY is a key\'s name, or else text'
complete -c thub -n "__fish_thub_needs_command" -a "capture" -d 'Print a session\'s screen, or all its history'
complete -c thub -n "__fish_thub_needs_command" -a "capture-pane" -d 'Print a session\'s screen, or all its history'
complete -c thub -n "__fish_thub_needs_command" -a "search" -d 'Print the lines of a session\'s history and screen that match'
complete -c thub -n "__fish_thub_needs_command" -a "marks" -d 'List the commands a session\'s shell ran: line, time, duration, exit code'
complete -c thub -n "__fish_thub_needs_command" -a "do" -d 'Do something with a session\'s serial port, container or telnet host'
complete -c thub -n "__fish_thub_needs_command" -a "serial" -d 'List the serial ports of this machine, or with -H of a host, and who has them open'
complete -c thub -n "__fish_thub_needs_command" -a "wait" -d 'Wait until a session ends, shows a text, or is quiet'
complete -c thub -n "__fish_thub_needs_command" -a "kill" -d 'End sessions'
complete -c thub -n "__fish_thub_needs_command" -a "kill-session" -d 'End sessions'
complete -c thub -n "__fish_thub_needs_command" -a "rename" -d 'Give a session another name'
complete -c thub -n "__fish_thub_needs_command" -a "restart" -d 'Start a session again as it was started, when it has ended or was lost'
complete -c thub -n "__fish_thub_needs_command" -a "resize" -d 'Give a session another size'
complete -c thub -n "__fish_thub_needs_command" -a "run" -d 'Run a command to its end and pass on its exit code'
complete -c thub -n "__fish_thub_needs_command" -a "cp" -d 'Copy files and folders between any two machines'
complete -c thub -n "__fish_thub_needs_command" -a "forward" -d 'Forward ports and sockets between this machine and a host, until Ctrl-C'
complete -c thub -n "__fish_thub_needs_command" -a "conn" -d 'Prepared connections and folders: of this machine, or with -H of a host'
complete -c thub -n "__fish_thub_needs_command" -a "containers" -d 'Containers of this machine\'s engine (Docker, Podman), or with -H of a host\'s'
complete -c thub -n "__fish_thub_needs_command" -a "top" -d 'CPU, memory, disks and network of a host, a jump target or a container'
complete -c thub -n "__fish_thub_needs_command" -a "deploy" -d 'Put the agent on a host'
complete -c thub -n "__fish_thub_needs_command" -a "agent" -d 'The agent: the other end of a link'
complete -c thub -n "__fish_thub_needs_command" -a "doctor" -d 'What will and will not work here, or on a host that has the agent and over the link to it, and why'
complete -c thub -n "__fish_thub_needs_command" -a "debug" -d 'Keep what a program writes, and show it again: for a report of a screen that is wrong'
complete -c thub -n "__fish_thub_needs_command" -a "reset" -d 'Put this terminal right after a crash'
complete -c thub -n "__fish_thub_needs_command" -a "config" -d 'The configuration file'
complete -c thub -n "__fish_thub_needs_command" -a "keys" -d 'All keys and commands, the tree\'s and the file browser\'s among them'
complete -c thub -n "__fish_thub_needs_command" -a "themes" -d 'All themes'
complete -c thub -n "__fish_thub_needs_command" -a "completions" -d 'Print a completion script'
complete -c thub -n "__fish_thub_using_subcommand new" -s n -s s -l name -d 'Its name: 1 to 64 printable characters, no \'/\'' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l cwd -d 'Directory to start in' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l size -d 'Size of the screen' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l ring -d 'Raw output kept, in bytes (4096 to 1073741824; 1 MiB by default)' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l history -d 'Lines of history kept (0 to 1000000; 10000 by default)' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l connection -d 'Prepared connection to open' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l serial -d 'Serial port to open, as /dev/ttyUSB0' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l container -d 'Container to start a program in: its name or id' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l image -d 'Image to start a new container of' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l telnet -d 'Telnet host to connect to' -r
complete -c thub -n "__fish_thub_using_subcommand new" -l set -d 'A field of it, as `thub conn add` takes them' -r
complete -c thub -n "__fish_thub_using_subcommand new" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand new" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand new" -s d -l detached -d 'Leave it detached and print its id'
complete -c thub -n "__fish_thub_using_subcommand new" -l no-agent -d 'Over plain SSH, with nothing put on the host: the session lives on this machine, and ends if the connection does'
complete -c thub -n "__fish_thub_using_subcommand new" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand new" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand new-session" -s n -s s -l name -d 'Its name: 1 to 64 printable characters, no \'/\'' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l cwd -d 'Directory to start in' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l size -d 'Size of the screen' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l ring -d 'Raw output kept, in bytes (4096 to 1073741824; 1 MiB by default)' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l history -d 'Lines of history kept (0 to 1000000; 10000 by default)' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l connection -d 'Prepared connection to open' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l serial -d 'Serial port to open, as /dev/ttyUSB0' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l container -d 'Container to start a program in: its name or id' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l image -d 'Image to start a new container of' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l telnet -d 'Telnet host to connect to' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -l set -d 'A field of it, as `thub conn add` takes them' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand new-session" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand new-session" -s d -l detached -d 'Leave it detached and print its id'
complete -c thub -n "__fish_thub_using_subcommand new-session" -l no-agent -d 'Over plain SSH, with nothing put on the host: the session lives on this machine, and ends if the connection does'
complete -c thub -n "__fish_thub_using_subcommand new-session" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand new-session" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand ls" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand ls" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand ls" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand ls" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand list-sessions" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand list-sessions" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand list-sessions" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand list-sessions" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand attach" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand attach" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand attach" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand attach" -l watch -d 'Look on: neither type nor resize'
complete -c thub -n "__fish_thub_using_subcommand attach" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand attach" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand a" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand a" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand a" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand a" -l watch -d 'Look on: neither type nor resize'
complete -c thub -n "__fish_thub_using_subcommand a" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand a" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand attach-session" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand attach-session" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand attach-session" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand attach-session" -l watch -d 'Look on: neither type nor resize'
complete -c thub -n "__fish_thub_using_subcommand attach-session" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand attach-session" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand send" -l keys -d 'Keys by tmux\'s names, after the text: Enter, C-c, M-x, Up' -r
complete -c thub -n "__fish_thub_using_subcommand send" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand send" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand send" -l raw -d 'Type what standard input holds, byte for byte'
complete -c thub -n "__fish_thub_using_subcommand send" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand send" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand send-keys" -s t -l target -r
complete -c thub -n "__fish_thub_using_subcommand send-keys" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand send-keys" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand send-keys" -s l -d 'Text as it is, no key names'
complete -c thub -n "__fish_thub_using_subcommand send-keys" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand send-keys" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand capture" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand capture" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand capture" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand capture" -l all -d 'All history before the screen'
complete -c thub -n "__fish_thub_using_subcommand capture" -l raw -d 'The bytes still held as the program wrote them; what is lost is named on standard error'
complete -c thub -n "__fish_thub_using_subcommand capture" -l ansi -d 'With colours'
complete -c thub -n "__fish_thub_using_subcommand capture" -s p -d 'tmux\'s: print it (always so here)'
complete -c thub -n "__fish_thub_using_subcommand capture" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand capture" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -l all -d 'All history before the screen'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -l raw -d 'The bytes still held as the program wrote them; what is lost is named on standard error'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -l ansi -d 'With colours'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -s p -d 'tmux\'s: print it (always so here)'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand capture-pane" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand search" -s n -l max -d 'The newest MAX lines that match, no more' -r
complete -c thub -n "__fish_thub_using_subcommand search" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand search" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand search" -s i -l ignore-case -d 'Upper and lower case are the same'
complete -c thub -n "__fish_thub_using_subcommand search" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand search" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand marks" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand marks" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand marks" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand marks" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand marks" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand do" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand do" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand do" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand do" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thub -n "__fish_thub_using_subcommand serial" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand serial" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand serial" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand serial" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand wait" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand wait" -l text -d 'Until a line of its history or screen matches' -r
complete -c thub -n "__fish_thub_using_subcommand wait" -l idle -d 'Until it has been quiet for so many milliseconds' -r
complete -c thub -n "__fish_thub_using_subcommand wait" -l timeout -d 'Seconds to wait at most; then exit 124' -r
complete -c thub -n "__fish_thub_using_subcommand wait" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand wait" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand wait" -l exit -d 'Until it has ended (the default)'
complete -c thub -n "__fish_thub_using_subcommand wait" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand wait" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand kill" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand kill" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand kill" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand kill" -l all -d 'Every session of the host, ended ones\' records too'
complete -c thub -n "__fish_thub_using_subcommand kill" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand kill" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand kill-session" -s t -l target -d 'As tmux names it' -r
complete -c thub -n "__fish_thub_using_subcommand kill-session" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand kill-session" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand kill-session" -l all -d 'Every session of the host, ended ones\' records too'
complete -c thub -n "__fish_thub_using_subcommand kill-session" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand kill-session" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand rename" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand rename" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand rename" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand rename" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand restart" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand restart" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand restart" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand restart" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand resize" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand resize" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand resize" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand resize" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand run" -l cwd -d 'Directory to run in' -r
complete -c thub -n "__fish_thub_using_subcommand run" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand run" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand run" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand run" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand cp" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand cp" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand cp" -s f -l force -d 'Replace files that are there'
complete -c thub -n "__fish_thub_using_subcommand cp" -s u -l update -d 'Replace files that are there and older'
complete -c thub -n "__fish_thub_using_subcommand cp" -s s -l skip -d 'Leave files that are there as they are'
complete -c thub -n "__fish_thub_using_subcommand cp" -l keep-both -d 'Copy beside files that are there, under a name with a number'
complete -c thub -n "__fish_thub_using_subcommand cp" -s n -l dry-run -d 'Copy nothing: tell what would be copied, and what is in the way'
complete -c thub -n "__fish_thub_using_subcommand cp" -s q -l quiet -d 'Tell nothing but what fails'
complete -c thub -n "__fish_thub_using_subcommand cp" -l no-agent -d 'Over plain SSH, with nothing put on the hosts'
complete -c thub -n "__fish_thub_using_subcommand cp" -s r -d 'As scp\'s and cp\'s: folders, modes and times are copied anyway'
complete -c thub -n "__fish_thub_using_subcommand cp" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand cp" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand forward" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand forward" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand forward" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand forward" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "ls" -d 'List folders and connections'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "show" -d 'Print one, as it is kept'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "add" -d 'Prepare a connection, and print its id'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "edit" -d 'Change fields of a connection, or the name of a folder'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "rm" -d 'Take connections and folders away; sessions live on'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "mv" -d 'Put connections and folders into a folder, in the order given'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "mkdir" -d 'Make a folder, and those it is to lie in; print its id'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "import" -d 'Take over connections of other programs: ssh_config, PuTTY, termiHub, a table'
complete -c thub -n "__fish_thub_using_subcommand conn; and not __fish_seen_subcommand_from ls show add edit rm mv mkdir import export" -f -a "export" -d 'Write connections and folders into a file, for another machine, a team or a spreadsheet'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from ls" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from ls" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from ls" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from show" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from show" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -l kind -l type -d 'Its kind: local, ssh, serial, docker, telnet; left out = ssh where there is a DEST, else local' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -l in -d 'Folder it lies in, made where it is missing' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -l set -d 'A field of it' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -l tag -d 'A tag of it' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l name -d 'Another name' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l set -d 'A field of it' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l unset -d 'Take a field away' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l tag -d 'Its tags from now on' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l no-tags -d 'Without tags'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from rm" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from rm" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from rm" -s r -l recursive -d 'Folders with all that is in them, which else goes to their parent'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from rm" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -l to -d 'The folder; / = the top' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -l before -d 'In front of this one there; left out = at the end' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mv" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mkdir" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mkdir" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mkdir" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from mkdir" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -l from -d 'What it is; left out = as it looks' -r -f -a "ssh-config\t''
termihub\t''
putty\t''
csv\t''
thub\t''"
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -l in -d 'Folder to put all into, made where it is missing' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -l dry-run -d 'Only show what would come'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -l to -d 'How it is written' -r -f -a "thub\t''
csv\t''
ssh-config\t''"
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -l in -d 'Only this folder with all that is in it' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -l force -d 'Replace a file that is there'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand conn; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -l socket -d 'The engine\'s socket; left out = $DOCKER_HOST, else Docker\'s own place, else Podman\'s' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -l images -d 'List images, too'
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -f -a "start" -d 'Start containers that are there'
complete -c thub -n "__fish_thub_using_subcommand containers; and not __fish_seen_subcommand_from start stop" -f -a "stop" -d 'Stop containers: their program gets its signal, and 10 s'
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from start" -l socket -d 'The engine\'s socket; left out = $DOCKER_HOST, else Docker\'s own place, else Podman\'s' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from start" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from start" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from start" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from stop" -l socket -d 'The engine\'s socket; left out = $DOCKER_HOST, else Docker\'s own place, else Podman\'s' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from stop" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from stop" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from stop" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand containers; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand top" -s w -l watch -d 'Go on, every S seconds (1 to 60; left out: every 2, of what is behind a host every 5)' -r
complete -c thub -n "__fish_thub_using_subcommand top" -s n -l processes -d 'Processes listed, those with most CPU' -r
complete -c thub -n "__fish_thub_using_subcommand top" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand top" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand top" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand top" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand deploy" -l from -d 'Binary to put there instead of this one' -r -F
complete -c thub -n "__fish_thub_using_subcommand deploy" -l dir -d 'Directory there to put it into, absolute, where programs may not run in the home (noexec); later ones go there too' -r
complete -c thub -n "__fish_thub_using_subcommand deploy" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand deploy" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand deploy" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand deploy" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -l stdio -d 'Serve a link on standard input and output'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -f -a "status" -d 'What is there and how it runs'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -f -a "stop" -d 'End the user\'s other agents here in order; sessions live on'
complete -c thub -n "__fish_thub_using_subcommand agent; and not __fish_seen_subcommand_from status stop uninstall" -f -a "uninstall" -d 'Remove all that agents left here, sessions\' records too where none runs; running sessions live on'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from status" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from status" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from status" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from stop" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from stop" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from stop" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from uninstall" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from uninstall" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from uninstall" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand agent; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand doctor" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand doctor" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand doctor" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -f -a "record" -d 'Run a command in a terminal and keep every byte it writes'
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -f -a "replay" -d 'Print the screen that a recording ends with'
complete -c thub -n "__fish_thub_using_subcommand debug; and not __fish_seen_subcommand_from record replay ssh-config" -f -a "ssh-config" -d 'Print what thub takes from ssh_config for a host, as `ssh -G` does'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -s o -l output -d 'Directory to make, with the bytes in its file \'in\' and COLSxROWS in \'size\'' -r -F
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -l size -d 'Size of the command\'s terminal; left out = as yours, or 80x24' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -l size -d 'Size of the screen; left out = as recorded, or 80x24' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -l to -d 'Stop after so many bytes: a full-screen program clears its screen as it ends' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -l ansi -d 'With colours'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from ssh-config" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from ssh-config" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from ssh-config" -l own -d 'Read it as thub does where there is no program ssh'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from ssh-config" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand debug; and __fish_seen_subcommand_from ssh-config" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand reset" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand reset" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand reset" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand reset" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -f -a "path" -d 'Where it is'
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -f -a "check" -d 'Whether it is right'
complete -c thub -n "__fish_thub_using_subcommand config; and not __fish_seen_subcommand_from path check default" -f -a "default" -d 'The default one, with comments'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from path" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from path" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from check" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from check" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from default" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from default" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from default" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand config; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand keys" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand keys" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand keys" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand keys" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand themes" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand themes" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand themes" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand themes" -s h -l help -d 'Print help'
complete -c thub -n "__fish_thub_using_subcommand completions" -s H -l host -d 'Host: an alias of ssh_config or user@host[:port]; left out = this machine' -r
complete -c thub -n "__fish_thub_using_subcommand completions" -s F -l ssh-config -d 'ssh_config to use instead of the user\'s' -r -F
complete -c thub -n "__fish_thub_using_subcommand completions" -l json -d 'Print JSON'
complete -c thub -n "__fish_thub_using_subcommand completions" -s h -l help -d 'Print help'
