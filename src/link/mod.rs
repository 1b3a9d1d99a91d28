//! Frames over any AsyncRead + AsyncWrite.
