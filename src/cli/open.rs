//! Owns the verbs that open a terminal: the TUI, attach, new. Leaves out the TUI itself.
