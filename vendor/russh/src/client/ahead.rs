//! Not part of the published russh: see CHANGES.md beside the manifest.
//!
//! What a client may say before the server has answered what was said before it (RFC 4252, section 5.2 lets it ask for
//! anything while a request is not answered; section 7 lets it sign without asking whether the key would be taken): the
//! request for the service, the signed request and a session channel with its requests go out in one flight.

use super::*;
use crate::cert::PublicKeyOrCertificate;
use crate::session::Encrypted;

/// What a server calls the first channel of a connection. It says so only in its confirmation, which requests sent with
/// the opening don't wait for; a server that counts otherwise is found out by [`Ahead::confirmed`].
const FIRST: u32 = 0;

/// How far this connection is ahead of its server's answers.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Goes out with the next request that is signed at once.
    waiting: Option<(ChannelRef, Vec<ChannelMsg>)>,
    /// Where a request begins in what was given to be signed, and how long that is without its signature.
    signing: Option<(usize, usize)>,
    /// The service was asked for, and nothing else is to be written once it is granted.
    at_once: bool,
    /// The channel that went out with it.
    sent: Option<ChannelId>,
    opening: bool,
}

impl Ahead {
    pub(super) fn wait(&mut self, channel_ref: ChannelRef, requests: Vec<ChannelMsg>) {
        self.waiting = Some((channel_ref, requests));
    }

    pub(super) fn at_once(&self) -> bool {
        self.at_once
    }

    /// A channel may be opened although nobody is logged in yet.
    pub(super) fn opening(&self) -> bool {
        self.opening
    }

    pub(super) fn accepted(&mut self) {
        // (nothing was signed at once: its opener sees that it is gone)
        self.waiting = None;
    }

    /// The channel that the server has not opened: it answers both messages with UNIMPLEMENTED.
    pub(super) fn refused(&mut self) -> Option<ChannelId> {
        self.waiting = None;
        self.sent.take()
    }

    pub(super) fn confirmed(&mut self, id: ChannelId, theirs: u32) -> Result<(), Error> {
        if self.sent == Some(id) {
            self.sent = None;
            if theirs != FIRST {
                return Err(Error::Inconsistent);
            }
        }
        Ok(())
    }
}

impl Session {
    /// Asks for the service, where that was not done, and for a signature. Other methods than a key's are as they were.
    pub(super) fn sign_at_once(&mut self, user: &str, method: auth::Method) -> Result<(), Error> {
        let (key, certificate_hash) = match &method {
            auth::Method::FuturePublicKey { key, hash_alg } => {
                let (key, hash_alg) = (key.clone(), *hash_alg);
                (PublicKeyOrCertificate::PublicKey { key, hash_alg }, None)
            }
            auth::Method::FutureCertificate { cert, hash_alg } => {
                (PublicKeyOrCertificate::Certificate(cert.clone()), *hash_alg)
            }
            _ => return self.write_auth_request_if_needed(user, method).map(drop),
        };
        let Some(enc) = self.common.encrypted.as_mut() else {
            return Err(Error::Inconsistent);
        };
        match enc.state {
            EncryptedState::WaitingAuthServiceRequest { ref mut sent, .. } => {
                if !*sent {
                    self.common.packet_writer.write_packet(|w| {
                        msg::SERVICE_REQUEST.encode(w)?;
                        "ssh-userauth".encode(w)?;
                        Ok(())
                    })?;
                    *sent = true;
                }
            }
            EncryptedState::WaitingAuthRequest(_) => {}
            EncryptedState::InitCompression | EncryptedState::Authenticated => return Ok(()),
        }
        let mut data = Vec::new();
        let start = enc.client_make_to_sign(user, &key, certificate_hash, &mut data)?;
        self.ahead.at_once = true;
        self.ahead.signing = Some((start, data.len()));
        self.common.auth_user.clear();
        self.common.auth_user.push_str(user);
        self.common.auth_method = None;
        let asked = match method {
            auth::Method::FutureCertificate { ref cert, hash_alg } => Reply::SignRequestCert {
                cert: cert.clone(),
                hash_alg,
                data,
            },
            auth::Method::FuturePublicKey { ref key, .. } => Reply::SignRequest {
                key: key.clone(),
                data,
            },
            _ => return Ok(()),
        };
        self.sender.send(asked).map_err(|_| Error::SendError)
    }

    /// `data` = what was to be signed, with its signature; None = it was not signed.
    pub(super) fn signed_at_once(&mut self, data: Option<&[u8]>) -> Result<(), Error> {
        let Some((start, len)) = self.ahead.signing.take() else {
            return Ok(());
        };
        let signed = data.filter(|data| data.len() > len);
        let Some(request) = signed.and_then(|data| data.get(start..)) else {
            return Ok(());
        };
        let Some(enc) = self.common.encrypted.as_mut() else {
            return Err(Error::Inconsistent);
        };
        push_packet!(enc.write, enc.write.extend_from_slice(request));
        // What is compressed from the login on can't be sent before it
        if may_go_ahead(enc)
            && let Some((channel_ref, requests)) = self.ahead.waiting.take()
        {
            self.ahead.opening = true;
            let opened = self.channel_open_session();
            self.ahead.opening = false;
            let id = opened?;
            self.channels.insert(id, channel_ref);
            self.ahead.sent = Some(id);
            for request in requests {
                self.handle_msg(Msg::Channel(id, request))?;
            }
        }
        Ok(())
    }
}

fn may_go_ahead(enc: &Encrypted) -> bool {
    !enc.client_compression.is_deferred() && enc.channels.is_empty()
}

impl<H: Handler> Handle<H> {
    /// From here on a key that is offered is signed for at once: the server is not asked first whether it would be taken,
    /// nor waited for before. Worth it with a key that was taken before: a server counts it as a try.
    pub fn set_at_once(&mut self, at_once: bool) {
        self.at_once = at_once;
    }

    pub(super) fn authenticate(&self, user: String, method: auth::Method) -> Msg {
        if self.at_once {
            Msg::AuthenticateAtOnce { user, method }
        } else {
            Msg::Authenticate { user, method }
        }
    }

    /// A session channel that is opened, with requests to it, in one flight with the next key that is signed for at once
    /// ([`Handle::set_at_once`]). It has to be the connection's first. [`Opening::confirmed`] fails where that key was not
    /// taken, or nothing was signed at once before the login was accepted: nothing has been requested then.
    pub async fn channel_open_ahead(&self, requests: Vec<ChannelMsg>) -> Result<Opening, Error> {
        let (sender, receiver) = channel(self.channel_buffer_size);
        let channel_ref = ChannelRef::new(sender);
        let window_size_ref = channel_ref.window_size().clone();
        let ahead = Msg::ChannelOpenAhead {
            channel_ref,
            requests,
        };
        self.sender
            .send(ahead)
            .await
            .map_err(|_| Error::SendError)?;
        Ok(Opening {
            sender: self.sender.clone(),
            receiver,
            window_size_ref,
        })
    }
}

/// A channel that the server has not confirmed yet.
pub struct Opening {
    pub(super) sender: Sender<Msg>,
    pub(super) receiver: Receiver<ChannelMsg>,
    pub(super) window_size_ref: WindowSizeRef,
}

impl Opening {
    /// Waits for the server's word.
    pub async fn confirmed(mut self) -> Result<Channel<Msg>, Error> {
        loop {
            match self.receiver.recv().await {
                Some(ChannelMsg::Open {
                    id,
                    max_packet_size,
                    window_size,
                }) => {
                    self.window_size_ref.grow(window_size).await;

                    return Ok(Channel {
                        write_half: ChannelWriteHalf {
                            id,
                            sender: self.sender,
                            max_packet_size,
                            window_size: self.window_size_ref,
                        },
                        read_half: ChannelReadHalf {
                            receiver: self.receiver,
                        },
                    });
                }
                Some(ChannelMsg::OpenFailure(reason)) => {
                    return Err(crate::Error::ChannelOpenFailure(reason));
                }
                None => {
                    debug!("channel confirmation sender was dropped");
                    return Err(crate::Error::Disconnect);
                }
                msg => {
                    debug!("msg = {msg:?}");
                }
            }
        }
    }
}
