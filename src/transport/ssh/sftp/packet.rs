//! Owns the packets of SFTP version 3 (draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL where it differs): [`encode`]
//! what a client asks, [`decode`] what a server answers. Pure. Leaves out who waits for which answer. Names, paths and
//! handles are bytes. No count or length of a server's is believed: what is taken was there, and nothing is made room for before.

/// What may be asked. Attributes that are left out stay as they are.
#[derive(Clone, Debug)]
pub enum Ask<'a> {
    Init,
    Open {
        path: &'a [u8],
        flags: u32,
        attrs: Attrs,
    },
    Close {
        handle: &'a [u8],
    },
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        bytes: &'a [u8],
    },
    Lstat {
        path: &'a [u8],
    },
    Stat {
        path: &'a [u8],
    },
    Fstat {
        handle: &'a [u8],
    },
    Setstat {
        path: &'a [u8],
        attrs: Attrs,
    },
    Fsetstat {
        handle: &'a [u8],
        attrs: Attrs,
    },
    Opendir {
        path: &'a [u8],
    },
    Readdir {
        handle: &'a [u8],
    },
    Remove {
        path: &'a [u8],
    },
    Mkdir {
        path: &'a [u8],
        attrs: Attrs,
    },
    Rmdir {
        path: &'a [u8],
    },
    Realpath {
        path: &'a [u8],
    },
    Rename {
        from: &'a [u8],
        to: &'a [u8],
    },
    Readlink {
        path: &'a [u8],
    },
    /// OpenSSH has them in this order, not in the draft's, and so has everybody since.
    Symlink {
        target: &'a [u8],
        path: &'a [u8],
    },
    PosixRename {
        from: &'a [u8],
        to: &'a [u8],
    },
    Statvfs {
        path: &'a [u8],
    },
    Fsync {
        handle: &'a [u8],
    },
    Limits,
}

/// Flags of [`Ask::Open`].
pub mod flags {
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const CREATE: u32 = 8;
    pub const EXCLUSIVE: u32 = 32;
}

/// Codes of [`Reply::Status`].
pub mod status {
    pub const OK: u32 = 0;
    pub const EOF: u32 = 1;
    pub const NO_SUCH_FILE: u32 = 2;
    pub const PERMISSION_DENIED: u32 = 3;
    pub const FAILURE: u32 = 4;
    /// OpenSSH has it for what makes no sense to its system.
    pub const BAD_MESSAGE: u32 = 5;
    pub const UNSUPPORTED: u32 = 8;
}

#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Attrs {
    pub size: Option<u64>,
    pub uid_gid: Option<(u32, u32)>,
    /// With the bits of the kind, as `st_mode` has them.
    pub mode: Option<u32>,
    /// Seconds since 1970.
    pub atime_mtime: Option<(u32, u32)>,
}

/// An entry of a directory, as the server says it: the name may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: Vec<u8>,
    /// A line of `ls -l`.
    pub long: Vec<u8>,
    pub attrs: Attrs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Its version, and the names of its extensions with what they say.
    Version(u32, Vec<(Vec<u8>, Vec<u8>)>),
    Status {
        code: u32,
        message: Vec<u8>,
    },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Names),
    Attrs(Attrs),
    Extended(Vec<u8>),
}

/// Entries as the server says them, still packed: each is taken out when its turn comes. What waits takes no more room than
/// it did on its way.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Names {
    bytes: Vec<u8>,
    at: usize,
    left: u32,
}

impl Names {
    /// Each one is looked at, and no room made for any.
    fn read(r: &mut Reader<'_>) -> Result<Names, Bad> {
        let left = r.u32()?;
        let all = r.0;
        for _ in 0..left {
            r.text()?;
            r.text()?;
            r.attrs()?;
        }
        let length = all.len().saturating_sub(r.0.len());
        Ok(Names { bytes: all.get(..length).unwrap_or_default().to_vec(), at: 0, left })
    }

    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
    /// Bytes that it takes, until the last one has been taken out.
    pub fn bytes(&self) -> usize {
        if self.is_empty() { 0 } else { self.bytes.len() }
    }
}

impl Iterator for Names {
    type Item = Named;
    fn next(&mut self) -> Option<Named> {
        self.left = self.left.checked_sub(1)?;
        let mut r = Reader(self.bytes.get(self.at..)?);
        let named = Named { name: r.text().ok()?.to_vec(), long: r.text().ok()?.to_vec(), attrs: r.attrs().ok()? };
        self.at = self.bytes.len().saturating_sub(r.0.len());
        Some(named)
    }
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    #[error("a packet is shorter than it says")]
    Short,
    #[error("a packet of kind {0} is no answer")]
    Kind(u8),
    #[error("a handle of more than 256 bytes")]
    Handle,
}

/// Bytes of a handle at most, as the draft has it.
const HANDLE: usize = 256;
/// Bytes that are kept of a server's words.
const MESSAGE: usize = 1 << 10;

const SIZE: u32 = 1;
const UIDGID: u32 = 2;
const PERMISSIONS: u32 = 4;
const ACMODTIME: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;

struct Writer(Vec<u8>);
impl Writer {
    fn u32(&mut self, n: u32) -> &mut Writer {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }
    fn u64(&mut self, n: u64) -> &mut Writer {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }
    fn text(&mut self, bytes: &[u8]) -> &mut Writer {
        // (ours: paths of some KiB, pieces of 32)
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self
    }
    fn attrs(&mut self, a: &Attrs) -> &mut Writer {
        let flag = |there: bool, flag: u32| if there { flag } else { 0 };
        self.u32(
            flag(a.size.is_some(), SIZE)
                | flag(a.uid_gid.is_some(), UIDGID)
                | flag(a.mode.is_some(), PERMISSIONS)
                | flag(a.atime_mtime.is_some(), ACMODTIME),
        );
        if let Some(size) = a.size {
            self.u64(size);
        }
        if let Some((uid, gid)) = a.uid_gid {
            self.u32(uid).u32(gid);
        }
        if let Some(mode) = a.mode {
            self.u32(mode);
        }
        if let Some((atime, mtime)) = a.atime_mtime {
            self.u32(atime).u32(mtime);
        }
        self
    }
}

/// A whole packet, its length in front.
pub fn encode(id: u32, ask: &Ask<'_>) -> Vec<u8> {
    let mut w = Writer(vec![0; 4]);
    let kind = |w: &mut Writer, kind: u8| {
        w.0.push(kind);
        w.u32(id);
    };
    let extended = |w: &mut Writer, name: &str| {
        w.0.push(200);
        w.u32(id).text(name.as_bytes());
    };
    match *ask {
        Ask::Init => {
            w.0.push(1);
            w.u32(3);
        }
        Ask::Open { path, flags, ref attrs } => {
            kind(&mut w, 3);
            w.text(path).u32(flags).attrs(attrs);
        }
        Ask::Close { handle } => {
            kind(&mut w, 4);
            w.text(handle);
        }
        Ask::Read { handle, offset, length } => {
            kind(&mut w, 5);
            w.text(handle).u64(offset).u32(length);
        }
        Ask::Write { handle, offset, bytes } => {
            kind(&mut w, 6);
            w.text(handle).u64(offset).text(bytes);
        }
        Ask::Lstat { path } => {
            kind(&mut w, 7);
            w.text(path);
        }
        Ask::Fstat { handle } => {
            kind(&mut w, 8);
            w.text(handle);
        }
        Ask::Setstat { path, ref attrs } => {
            kind(&mut w, 9);
            w.text(path).attrs(attrs);
        }
        Ask::Fsetstat { handle, ref attrs } => {
            kind(&mut w, 10);
            w.text(handle).attrs(attrs);
        }
        Ask::Opendir { path } => {
            kind(&mut w, 11);
            w.text(path);
        }
        Ask::Readdir { handle } => {
            kind(&mut w, 12);
            w.text(handle);
        }
        Ask::Remove { path } => {
            kind(&mut w, 13);
            w.text(path);
        }
        Ask::Mkdir { path, ref attrs } => {
            kind(&mut w, 14);
            w.text(path).attrs(attrs);
        }
        Ask::Rmdir { path } => {
            kind(&mut w, 15);
            w.text(path);
        }
        Ask::Realpath { path } => {
            kind(&mut w, 16);
            w.text(path);
        }
        Ask::Stat { path } => {
            kind(&mut w, 17);
            w.text(path);
        }
        Ask::Rename { from, to } => {
            kind(&mut w, 18);
            w.text(from).text(to);
        }
        Ask::Readlink { path } => {
            kind(&mut w, 19);
            w.text(path);
        }
        Ask::Symlink { target, path } => {
            kind(&mut w, 20);
            w.text(target).text(path);
        }
        Ask::PosixRename { from, to } => {
            extended(&mut w, "posix-rename@openssh.com");
            w.text(from).text(to);
        }
        Ask::Statvfs { path } => {
            extended(&mut w, "statvfs@openssh.com");
            w.text(path);
        }
        Ask::Fsync { handle } => {
            extended(&mut w, "fsync@openssh.com");
            w.text(handle);
        }
        Ask::Limits => extended(&mut w, "limits@openssh.com"),
    }
    let mut packet = w.0;
    let length = u32::try_from(packet.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if let Some(head) = packet.first_chunk_mut::<4>() {
        *head = length.to_be_bytes();
    }
    packet
}

/// Reads on in a packet.
pub struct Reader<'a>(pub &'a [u8]);
impl<'a> Reader<'a> {
    pub fn u32(&mut self) -> Result<u32, Bad> {
        let (n, rest) = self.0.split_first_chunk::<4>().ok_or(Bad::Short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*n))
    }
    pub fn u64(&mut self) -> Result<u64, Bad> {
        let (n, rest) = self.0.split_first_chunk::<8>().ok_or(Bad::Short)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*n))
    }
    fn text(&mut self) -> Result<&'a [u8], Bad> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Bad::Short)?;
        self.0 = rest;
        Ok(text)
    }
    fn attrs(&mut self) -> Result<Attrs, Bad> {
        let flags = self.u32()?;
        let mut attrs = Attrs::default();
        if flags & SIZE != 0 {
            attrs.size = Some(self.u64()?);
        }
        if flags & UIDGID != 0 {
            attrs.uid_gid = Some((self.u32()?, self.u32()?));
        }
        if flags & PERMISSIONS != 0 {
            attrs.mode = Some(self.u32()?);
        }
        if flags & ACMODTIME != 0 {
            attrs.atime_mtime = Some((self.u32()?, self.u32()?));
        }
        if flags & EXTENDED != 0 {
            // each takes eight bytes at least: a count that lies runs out of them
            for _ in 0..self.u32()? {
                self.text()?;
                self.text()?;
            }
        }
        Ok(attrs)
    }
}

/// What a packet without its length says, and which request it answers (0 where it is none's: the version).
pub fn decode(packet: &[u8]) -> Result<(u32, Reply), Bad> {
    let (kind, rest) = packet.split_first().ok_or(Bad::Short)?;
    let mut r = Reader(rest);
    if *kind == 2 {
        let version = r.u32()?;
        let mut extensions = Vec::new();
        while !r.0.is_empty() {
            extensions.push((r.text()?.to_vec(), r.text()?.to_vec()));
        }
        return Ok((0, Reply::Version(version, extensions)));
    }
    let id = r.u32()?;
    let reply = match kind {
        101 => {
            let code = r.u32()?;
            // (servers of version 2 leave the words out)
            let message = r.text().unwrap_or_default();
            Reply::Status { code, message: message.get(..MESSAGE).unwrap_or(message).to_vec() }
        }
        102 => {
            let handle = r.text()?;
            if handle.len() > HANDLE {
                return Err(Bad::Handle);
            }
            Reply::Handle(handle.to_vec())
        }
        103 => Reply::Data(r.text()?.to_vec()),
        104 => Reply::Names(Names::read(&mut r)?),
        105 => Reply::Attrs(r.attrs()?),
        201 => Reply::Extended(r.0.to_vec()),
        other => return Err(Bad::Kind(*other)),
    };
    Ok((id, reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: u8, words: &[u32], rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![kind];
        words.iter().for_each(|w| packet.extend_from_slice(&w.to_be_bytes()));
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn asked_as_the_draft_has_it() {
        assert_eq!(encode(0, &Ask::Init), [0, 0, 0, 5, 1, 0, 0, 0, 3]);
        let read = encode(7, &Ask::Read { handle: b"h", offset: 1 << 33, length: 9 });
        assert_eq!(read, [0, 0, 0, 22, 5, 0, 0, 0, 7, 0, 0, 0, 1, b'h', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9]);
        let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
        let mkdir = encode(1, &Ask::Mkdir { path: b"a", attrs });
        assert_eq!(mkdir, [0, 0, 0, 18, 14, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 4, 0, 0, 1, 0o200]);
    }

    #[test]
    fn answers_are_read() {
        let status = decode(&body(101, &[9, 4, 2], b"no\0\0\0\0")).unwrap();
        assert_eq!(status, (9, Reply::Status { code: 4, message: b"no".to_vec() }));
        assert_eq!(decode(&body(101, &[9, 0], b"")).unwrap().1, Reply::Status { code: 0, message: Vec::new() });
        assert_eq!(decode(&body(103, &[9, 2], b"ab")).unwrap(), (9, Reply::Data(b"ab".to_vec())));
        let entry = b"\0\0\0\x01a\0\0\0\0\0\0\0\x04\0\0\x41\xed";
        let two = decode(&body(104, &[9, 2], &[&entry[..], entry].concat())).unwrap().1;
        let Reply::Names(mut names) = two else { panic!("{two:?}") };
        let attrs = Attrs { mode: Some(0o40755), ..Attrs::default() };
        let named = Named { name: b"a".to_vec(), long: Vec::new(), attrs };
        assert_eq!((names.is_empty(), names.bytes()), (false, 2 * entry.len()));
        assert_eq!((names.next(), names.next(), names.next()), (Some(named.clone()), Some(named), None));
        assert_eq!((names.is_empty(), names.bytes()), (true, 0));
        let long = decode(&body(101, &[9, 4, 5000], &[b'x'; 5000])).unwrap().1;
        assert_eq!(long, Reply::Status { code: 4, message: vec![b'x'; MESSAGE] });
    }

    #[test]
    fn counts_and_lengths_are_not_believed() {
        for packet in [
            body(104, &[1, u32::MAX], b""),
            body(104, &[1, u32::MAX, u32::MAX], b"a"),
            body(103, &[1, u32::MAX], b"abc"),
            body(105, &[1, EXTENDED, u32::MAX], b"\0\0\0\0\0\0\0\0"),
            body(2, &[3, u32::MAX], b"x"),
            body(102, &[1], b""),
            Vec::new(),
        ] {
            assert_eq!(decode(&packet), Err(Bad::Short), "{packet:?}");
        }
        assert_eq!(decode(&body(102, &[1, 257], &[7; 257])), Err(Bad::Handle));
        assert_eq!(decode(&body(5, &[1], b"")), Err(Bad::Kind(5)));
    }
}
