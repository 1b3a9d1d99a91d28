//! Owns how we prove who we are, in ssh's order: the agent's keys, key files, then what a person can say.
//! Leaves out the host's key: [`prove`] runs only after the gate has passed it. Secrets are never logged nor kept.

use super::ahead::{self, Note};
use super::config::{AgentSocket, HostConfig};
use super::connect::rsa_hash;
use super::gate::{Gate, Shared};
use super::keyfile::{self, Certificates, KeyFile, Secret};
use super::patience::Asker;
use super::userkey::{Agent, ByAgent, ByFile, Form, Forms, Left, SignError, Wanted, Would, forms};
use crate::failure::Failure;
use crate::secret::Secret as Typed;
use crate::text::short;
use crate::transport::ask::{SecretAsked, SecretKind};
use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive, Prompt};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const AGENT_WITHIN: Duration = Duration::from_secs(5);
/// A secret is asked for as often as NumberOfPasswordPrompts says, and no more often than this.
const TRIES_MOST: u32 = 20;
/// Methods one after the other (several factors).
const STAGES: usize = 8;
const PROMPTS_MOST: usize = 16;
const INFO_MOST: usize = 16;

/// What is left after a try.
enum After {
    In,
    /// The methods the host still takes; true = one factor of several passed.
    Out(Vec<MethodKind>, bool),
}

impl From<AuthResult> for After {
    fn from(r: AuthResult) -> After {
        match r {
            AuthResult::Success => After::In,
            AuthResult::Failure { remaining_methods, partial_success } => {
                After::Out(remaining_methods.to_vec(), partial_success)
            }
        }
    }
}

struct Prover<'a> {
    handle: &'a mut Handle<Gate>,
    config: &'a HostConfig,
    asker: &'a Asker,
    shared: &'a Shared,
    /// What was tried, for the person.
    tried: Vec<String>,
    /// Nobody answered: nothing more is asked.
    silent: bool,
    /// The host's banner was not shown yet.
    unsaid: bool,
    /// A person typed what was wrong, and how to do without that.
    mistyped: Option<&'static str>,
    /// The best hash for RSA the host says it knows, once that was waited for.
    rsa: Option<Option<HashAlg>>,
    /// Keys that were not shown.
    left: Left,
    /// So many times the host would not have a key of ours, in one form or another.
    refused_keys: usize,
    /// The key shown last.
    taken: Option<String>,
    /// The one to be signed with at once, until that is done.
    known: Option<String>,
    note: Arc<Note>,
}

/// Proves who we are to a host whose key was accepted; the key that was all it took. `guess` = the one that was so last time,
/// and who hears what becomes of it: it is signed with before the host has said anything, which is three round trips less.
pub(super) async fn prove(
    handle: &mut Handle<Gate>,
    config: &HostConfig,
    asker: &Asker,
    shared: &Shared,
    guess: Option<(String, Arc<Note>)>,
) -> Result<Option<String>, Failure> {
    let (known, note) = guess.unzip();
    crate::sys::test_point("auth");
    let mut p = Prover {
        handle,
        config,
        asker,
        shared,
        tried: Vec::new(),
        silent: config.batch,
        unsaid: true,
        mistyped: None,
        rsa: None,
        left: Left::default(),
        refused_keys: 0,
        taken: None,
        known,
        note: note.unwrap_or_default(),
    };
    let mut spent: Vec<MethodKind> = Vec::new();
    const ALL: [MethodKind; 3] = [MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password];
    let key_first = p.known.is_some() && next_method(&ALL, &spent, config) == Some(MethodKind::PublicKey);
    let mut methods = match if key_first { p.keys().await? } else { None } {
        Some(After::In) => return Ok(p.taken),
        Some(After::Out(methods, true)) => methods,
        _ => {
            spent.extend(key_first.then_some(MethodKind::PublicKey));
            let none = p.handle.authenticate_none(&config.user).await;
            match p.after(none)? {
                After::In => return Ok(None),
                After::Out(methods, _) => methods,
            }
        }
    };
    for stage in 0..STAGES {
        let Some(method) = next_method(&methods, &spent, config) else { break };
        let after = match method {
            MethodKind::PublicKey => p.keys().await?,
            MethodKind::KeyboardInteractive => p.interactive().await?,
            _ => p.password().await?,
        };
        match after {
            Some(After::In) => return Ok(p.taken.filter(|_| stage == 0 && method == MethodKind::PublicKey)),
            Some(After::Out(left, true)) => {
                // one factor passed: the others count anew
                methods = left;
                spent.clear();
            }
            Some(After::Out(..)) | None => {}
        }
        spent.push(method);
    }
    Err(p.refused(&methods))
}

/// What to do where something mistyped was the end of it.
fn anew(next: &str) -> String {
    format!("connect again to type it anew; {next}")
}

/// PreferredAuthentications' order, else ssh's own; what the config turns off or leaves out is not tried.
fn next_method(offered: &[MethodKind], spent: &[MethodKind], config: &HostConfig) -> Option<MethodKind> {
    let mut ways = vec![
        (MethodKind::PublicKey, config.publickey),
        (MethodKind::KeyboardInteractive, config.keyboard_interactive),
        (MethodKind::Password, config.password),
    ];
    if !config.preferred_authentications.is_empty() {
        let place = |m: &MethodKind| config.preferred_authentications.iter().position(|p| p == <&str>::from(m));
        ways.retain(|(m, _)| place(m).is_some());
        ways.sort_by_key(|(m, _)| place(m));
    }
    ways.into_iter().find(|(m, on)| *on && offered.contains(m) && !spent.contains(m)).map(|(m, _)| m)
}

impl Prover<'_> {
    /// A try's outcome; a connection that ended is no refusal of one key.
    fn after(&self, result: Result<AuthResult, russh::Error>) -> Result<After, Failure> {
        match result.map(After::from) {
            Ok(After::Out(left, _)) if left.is_empty() && self.handle.is_closed() => Err(self.dropped()),
            Ok(after) => Ok(after),
            Err(_) => Err(self.dropped()),
        }
    }

    fn dropped(&self) -> Failure {
        let heard = self.shared.lock();
        // (what is said of another host key is to be heard)
        if !heard.another {
            self.note.breaks();
        }
        let words = heard.last_words.clone().unwrap_or_else(|| "no reason given".into());
        let at = self.config.shown();
        if self.tried.is_empty() {
            return Failure::unreachable(
                format!("{at}: the host ended the connection before the login: {words}"),
                "see whether the account may log in there; the host's log tells why",
            );
        }
        // a link that breaks in the middle of a login is no word of the host's: it is worth another try
        if !heard.dismissed {
            return Failure::unreachable(
                format!("{at}: the connection broke during the login: {words} (tried: {})", self.tried.join("; ")),
                "connect again; if it stays so, the host's log tells why",
            );
        }
        let what =
            format!("{at}: the host ended the connection during the login: {words} (tried: {})", self.tried.join("; "));
        const KEYS: &str =
            "with many keys in the agent set IdentitiesOnly and IdentityFile for this host: servers count every key";
        match (self.mistyped, self.refused_keys > 0) {
            (Some(next), false) => Failure::refused(what, anew(next)),
            (Some(next), true) => Failure::refused(what, anew(next)).hint(KEYS),
            (None, true) => Failure::refused(what, KEYS),
            (None, false) => Failure::refused(what, "connect again; if it stays so, the host's log tells why"),
        }
    }

    /// A host that has had enough (MaxAuthTries) hangs up where it would have said that the answer is wrong.
    fn last_straw(&mut self, way: &str, round: u32) {
        let enough = |words: &str| words.to_ascii_lowercase().contains("too many authentication failures");
        let had = {
            let heard = self.shared.lock();
            heard.dismissed && heard.last_words.as_deref().is_some_and(enough)
        };
        if had && self.handle.is_closed() {
            self.wrong(way, round + 1);
        }
    }

    fn refused(&self, offered: &[MethodKind]) -> Failure {
        let at = self.config.shown();
        let tried = if self.tried.is_empty() { "nothing to try was there".to_string() } else { self.tried.join("; ") };
        if self.silent && !self.config.batch && self.asker.ask.somebody() {
            return Failure::refused(
                format!("{at}: the login was cancelled (tried: {tried})"),
                "connect again and answer, or load your key into the ssh-agent",
            );
        }
        let wants = offered.iter().map(<&str>::from).collect::<Vec<_>>().join(", ");
        let wants = if wants.is_empty() { "nothing thub knows".into() } else { wants };
        let banner = match self.shared.lock().banner.as_str() {
            "" => String::new(),
            said => format!("; the host says: {}", short(&said.replace('\n', " | "), 200)),
        };
        let ssh_v = self.config.ssh_v();
        let next = match self.mistyped {
            Some(next) => anew(next),
            None => format!(
                "put your public key into ~/.ssh/authorized_keys there, or name the right one with IdentityFile; \
                 {ssh_v} shows every step"
            ),
        };
        let what = format!("{at} refused every way tried ({tried}); it takes {wants}{banner}");
        let mut failure = Failure::refused(what, next);
        if let Some(hint) = self.left.hint() {
            failure = failure.hint(hint);
        }
        if self.silent && !self.config.batch && !self.asker.ask.somebody() {
            failure = failure.hint("passwords and passphrases are asked for where there is a terminal");
        }
        failure
    }

    /// `left` = the answer before was wrong, and so many tries are left.
    async fn ask(&mut self, kind: SecretKind, prompt: &str, echo: bool, left: Option<u32>) -> Option<Typed> {
        if self.silent {
            return None;
        }
        let banner = std::mem::take(&mut self.unsaid).then(|| self.shared.lock().banner.clone());
        if let Some(said) = banner.filter(|b| !b.is_empty()) {
            self.asker.ask.said(&self.config.shown(), &said);
        }
        let asked = SecretAsked { host: self.config.shown(), prompt: prompt.to_string(), echo, kind, left };
        let answer = self.asker.secret(&asked).await;
        self.silent = answer.is_none();
        answer
    }

    fn tries(&self) -> u32 {
        self.config.number_of_password_prompts.min(TRIES_MOST)
    }

    /// What is left of the tries, where one was wrong.
    fn left(&self, round: u32) -> Option<u32> {
        (round > 0).then(|| self.tries().saturating_sub(round))
    }

    /// The way tried last: so often was wrong what a person typed.
    fn wrong(&mut self, way: &str, times: u32) {
        self.tried.pop();
        self.tried.push(if times == 1 { format!("{way}: wrong") } else { format!("{way}: wrong {times} times") });
        self.mistyped = Some("a public key in ~/.ssh/authorized_keys there does without, where the host takes keys");
    }

    /// Why there is no answer.
    fn unanswered(&self) -> &'static str {
        if !self.config.batch && self.asker.ask.somebody() { "cancelled" } else { "nobody to ask" }
    }

    // ---- keys

    async fn keys(&mut self) -> Result<Option<After>, Failure> {
        let paths = (self.config.identity_files.clone(), self.config.certificate_files.clone());
        let (files, certificates) = tokio::task::spawn_blocking(move || {
            let read = KeyFile::read_all(&paths.0, &paths.1);
            crate::sys::wipe_stack();
            read
        })
        .await
        .unwrap_or_default();
        let mut agent = open_agent(&self.config.identity_agent).await;
        if let (Some(asked), Some(binding)) = (&mut agent, self.handle.agent_session_binding()) {
            // agents older than that know nothing of it, which they say; one that says nothing is not asked again
            if tokio::time::timeout(AGENT_WITHIN, asked.bind_session(binding, false)).await.is_err() {
                tracing::warn!("the ssh-agent does not answer");
                agent = None;
            }
        }
        let held = match &mut agent {
            Some(agent) => match tokio::time::timeout(AGENT_WITHIN, agent.request_identities()).await {
                Ok(Ok(held)) => held,
                other => {
                    tracing::warn!(timed_out = other.is_err(), "the ssh-agent does not list its keys");
                    Vec::new()
                }
            },
            None => Vec::new(),
        };
        let held_keys: Vec<PublicKey> = held.iter().map(|i| i.public_key().into_owned()).collect();
        let file_keys: Vec<Option<PublicKey>> = files.iter().map(|f| f.public.clone()).collect();
        let mut order = order(&held_keys, &file_keys, self.config.identities_only);
        if let Some(known) = &self.known {
            let shown = |key: &PublicKey, certificates: &[&Certificate]| {
                let mut prints = certificates.iter().map(|c| ahead::print(key, Some(c)));
                ahead::print(key, None) == *known || prints.any(|print| print == *known)
            };
            // (a locked one is not shown before its turn: that would ask for its passphrase)
            order.sort_by_key(|candidate| match candidate {
                Candidate::Agent(i) => !held_keys.get(*i).is_some_and(|key| match held.get(*i) {
                    Some(AgentIdentity::Certificate { certificate, .. }) => {
                        ahead::print(key, Some(certificate)) == *known
                    }
                    _ => shown(key, &certificates.of(key)),
                }),
                Candidate::File(i) => !files.get(*i).is_some_and(|file| match (&file.secret, &file.public) {
                    (Secret::Open(_), Some(key)) => shown(key, &certificates.of(key)),
                    _ => false,
                }),
            });
        }

        self.left = Left::default();
        let mut from_agent = 0;
        let mut words = Vec::new();
        let mut last = None;
        for candidate in order {
            let after = match candidate {
                Candidate::Agent(i) => {
                    let (Some(agent), Some(identity), Some(public)) = (&mut agent, held.get(i), held_keys.get(i))
                    else {
                        continue;
                    };
                    let best = self.best_hash(public.algorithm().is_rsa()).await;
                    let mut forms = match identity {
                        // a certificate in a file, its key in the agent
                        AgentIdentity::PublicKey { .. } => {
                            forms(self.config, public, &certificates.of(public), true, best)
                        }
                        AgentIdentity::Certificate { certificate, .. } => {
                            forms(self.config, public, &[certificate], false, best)
                        }
                    };
                    self.known_first(public, &mut forms);
                    self.left.note(&forms, "a key of the agent", self.config);
                    if forms.list.is_empty() {
                        continue;
                    }
                    from_agent += 1;
                    self.tried.push(format!("publickey: {from_agent} from the agent"));
                    let after = self.with_agent(agent, identity, public, &forms).await?;
                    self.tried.pop();
                    after
                }
                Candidate::File(i) => {
                    let Some(file) = files.get(i) else { continue };
                    self.tried.push(format!("publickey: {from_agent} from the agent, {}", file.shown()));
                    let (after, word) = self.with_file(file, &certificates).await?;
                    self.tried.pop();
                    words.extend(word);
                    after
                }
            };
            match after {
                Some(After::In) => return Ok(Some(After::In)),
                Some(After::Out(left, true)) => {
                    self.tried.push("publickey passed".into());
                    return Ok(Some(After::Out(left, true)));
                }
                Some(After::Out(left, false)) => {
                    let takes_none = !left.contains(&MethodKind::PublicKey);
                    last = Some(After::Out(left, false));
                    if takes_none {
                        break;
                    }
                }
                None => {}
            }
        }
        if from_agent > 0 {
            words.insert(0, format!("{from_agent} {} from the agent", if from_agent == 1 { "key" } else { "keys" }));
        }
        words.extend(self.left.words());
        if words.is_empty() {
            words.push("no key found, neither in an agent nor in a file".into());
        }
        self.tried.push(format!("publickey: {}", words.join(", ")));
        Ok(last)
    }

    /// RSA needs a word from the host; it is waited for only where there is such a key.
    async fn best_hash(&mut self, rsa: bool) -> Option<HashAlg> {
        match self.rsa {
            Some(known) => known,
            None if rsa => *self.rsa.insert(rsa_hash(self.handle).await),
            None => None,
        }
    }

    /// The form that was taken last time comes first.
    fn known_first(&self, public: &PublicKey, forms: &mut Forms) {
        let known = |form: &Form| self.known.as_ref() == Some(&ahead::print(public, form.certificate.as_ref()));
        forms.list.sort_by_key(|form| !known(form));
    }

    async fn show<S: russh::Signer>(
        &mut self,
        public: &PublicKey,
        form: &Form,
        signer: &mut S,
    ) -> Result<AuthResult, S::Error> {
        let user = self.config.user.clone();
        let print = ahead::print(public, form.certificate.as_ref());
        let at_once = self.known.take_if(|known| *known == print).is_some();
        self.taken = Some(print);
        self.handle.set_at_once(at_once);
        if at_once {
            self.note.sends(true);
        }
        let shown = match &form.certificate {
            Some(with) => self.handle.authenticate_certificate_with(user, with.clone(), form.hash, signer).await,
            None => self.handle.authenticate_publickey_with(user, public.clone(), form.hash, signer).await,
        };
        self.handle.set_at_once(false);
        if matches!(shown, Ok(AuthResult::Failure { partial_success: false, .. })) {
            self.refused_keys += 1;
        }
        // what is not signed is not sent
        if at_once && shown.is_err() && !self.handle.is_closed() {
            self.note.sends(false);
        }
        shown
    }

    /// None = it was not signed: the next one.
    async fn signed(
        &mut self,
        public: &PublicKey,
        form: &Form,
        signer: &mut impl russh::Signer<Error = SignError>,
    ) -> Result<Option<After>, Failure> {
        match self.show(public, form, signer).await {
            Ok(result) => self.after(Ok(result)).map(Some),
            Err(SignError::Gone) => Err(self.dropped()),
            Err(SignError::Unsigned) => Ok(None),
        }
    }

    async fn with_agent(
        &mut self,
        agent: &mut Agent,
        identity: &AgentIdentity,
        public: &PublicKey,
        forms: &Forms,
    ) -> Result<Option<After>, Failure> {
        let patience = self.asker.patience.clone();
        // the agent signs with what it holds, whatever is shown
        let mut signer = ByAgent { agent, by: identity, patience: &patience };
        let mut last = None;
        for form in &forms.list {
            match self.signed(public, form, &mut signer).await? {
                Some(After::Out(left, false)) => last = Some(After::Out(left, false)),
                Some(passed) => return Ok(Some(passed)),
                None => {}
            }
        }
        Ok(last)
    }

    /// The outcome, and a word for the person where it was shown or can't be.
    async fn with_file(
        &mut self,
        file: &KeyFile,
        certificates: &Certificates,
    ) -> Result<(Option<After>, Option<String>), Failure> {
        let name = file.shown();
        let best = self.best_hash(file.may_be_rsa()).await;
        let known = file.public.as_ref().map(|p| (p, forms(self.config, p, &certificates.of(p), true, best)));
        if let Some((_, forms)) = known.as_ref().filter(|(_, forms)| forms.list.is_empty()) {
            self.left.note(forms, &name, self.config);
            return Ok((None, None));
        }
        // forms the host has refused already
        let mut spent = 0;
        let mut last = None;
        let key = match &file.secret {
            Secret::Open(key) => key.clone(),
            Secret::Locked(text) => {
                self.known = None;
                // the passphrase is asked for only if the host would take the key, with a certificate or without
                if let Some((public, forms)) = &known {
                    let mut wanted = false;
                    for form in &forms.list {
                        match self.show(public, form, &mut Would).await {
                            Err(Wanted::Yes) => {
                                wanted = true;
                                break;
                            }
                            Err(Wanted::Gone) => return Err(self.dropped()),
                            Ok(result) => last = Some(self.after(Ok(result))?),
                        }
                        spent += 1;
                    }
                    if !wanted {
                        self.left.note(forms, &name, self.config);
                        return Ok((last, Some(name)));
                    }
                }
                match self.opened(text, &name).await {
                    Ok(key) => key,
                    Err(why) => return Ok((last, Some(format!("{name} ({why})")))),
                }
            }
            Secret::Unusable(why) => return Ok((None, Some(format!("{name} ({why})")))),
        };
        // of the key itself: what lies beside it may be another one's
        let public = key.public_key().clone();
        if file.public.as_ref().is_some_and(|p| p.key_data() != public.key_data()) {
            spent = 0;
        }
        let mut forms = forms(self.config, &public, &certificates.of(&public), true, best);
        self.known_first(&public, &mut forms);
        self.left.note(&forms, &name, self.config);
        let mut signer = ByFile(key);
        for form in forms.list.iter().skip(spent) {
            match self.signed(&public, form, &mut signer).await? {
                Some(After::Out(left, false)) => last = Some(After::Out(left, false)),
                Some(passed) => return Ok((Some(passed), Some(name))),
                None => {}
            }
        }
        Ok((last, (!forms.list.is_empty()).then_some(name)))
    }

    /// The key behind a passphrase; else why there is none.
    async fn opened(&mut self, text: &Zeroizing<String>, name: &str) -> Result<Arc<PrivateKey>, String> {
        for round in 0..self.tries() {
            let (prompt, left) = (format!("Passphrase for {name}"), self.left(round));
            let Some(passphrase) = self.ask(SecretKind::Passphrase, &prompt, false, left).await else { break };
            let text = text.clone();
            // bcrypt takes its time: not on the thread that draws
            let done = tokio::task::spawn_blocking(move || {
                let key = keyfile::decode(&text, Some(passphrase.expose())).ok().map(Arc::new);
                crate::sys::wipe_stack();
                key
            });
            if let Ok(Some(key)) = done.await {
                return Ok(key);
            }
        }
        if self.silent {
            return Err(format!("its passphrase: {}", self.unanswered()));
        }
        self.mistyped = Some("a key loaded into the ssh-agent (ssh-add) needs no passphrase here");
        Err("wrong passphrase".into())
    }

    // ---- what a person can say

    async fn password(&mut self) -> Result<Option<After>, Failure> {
        let mut last = None;
        for round in 0..self.tries() {
            let prompt = format!("{}'s password", self.config.shown());
            let Some(password) = self.ask(SecretKind::Password, &prompt, false, self.left(round)).await else {
                if round == 0 {
                    self.tried.push(format!("password: {}", self.unanswered()));
                }
                break;
            };
            if round == 0 {
                self.tried.push("password".into());
            }
            let done = self.handle.authenticate_password(&self.config.user, password.expose()).await;
            self.last_straw("password", round);
            match self.after(done)? {
                After::Out(methods, false) => {
                    self.wrong("password", round + 1);
                    let again = methods.contains(&MethodKind::Password);
                    last = Some(After::Out(methods, false));
                    if !again {
                        break;
                    }
                }
                done => return Ok(Some(done)),
            }
        }
        Ok(last)
    }

    async fn interactive(&mut self) -> Result<Option<After>, Failure> {
        if self.silent {
            self.tried.push(format!("keyboard-interactive: {}", self.unanswered()));
            return Ok(None);
        }
        let mut last = None;
        for round in 0..self.tries() {
            if round == 0 {
                self.tried.push("keyboard-interactive".into());
            }
            let (user, mut left) = (self.config.user.clone(), self.left(round));
            let mut step = self.handle.authenticate_keyboard_interactive_start(user, None::<String>).await;
            for _ in 0..INFO_MOST {
                let Ok(Interactive::InfoRequest { name, instructions, prompts }) = &step else { break };
                let Some(answers) = self.answers(name, instructions, prompts, &mut left).await else {
                    self.tried.pop();
                    self.tried.push(format!("keyboard-interactive: {}", self.unanswered()));
                    return Ok(last);
                };
                step = self.handle.authenticate_keyboard_interactive_respond(answers).await;
            }
            self.last_straw("keyboard-interactive", round);
            match step {
                Ok(Interactive::Success) => return Ok(Some(After::In)),
                Ok(Interactive::Failure { remaining_methods, partial_success }) => {
                    let out = AuthResult::Failure { remaining_methods, partial_success };
                    match self.after(Ok(out))? {
                        After::Out(methods, false) => {
                            self.wrong("keyboard-interactive", round + 1);
                            let again = methods.contains(&MethodKind::KeyboardInteractive);
                            last = Some(After::Out(methods, false));
                            if !again {
                                break;
                            }
                        }
                        done => return Ok(Some(done)),
                    }
                }
                // it asks without an end
                Ok(Interactive::InfoRequest { .. }) => return Ok(last),
                Err(_) => return Err(self.dropped()),
            }
        }
        Ok(last)
    }

    /// `left` = tries left after a wrong one: said with the first question of this one.
    async fn answers(
        &mut self,
        name: &str,
        instructions: &str,
        prompts: &[Prompt],
        left: &mut Option<u32>,
    ) -> Option<Vec<String>> {
        if prompts.len() > PROMPTS_MOST {
            return None;
        }
        if prompts.is_empty() {
            // a word, and no question
            let lines = [name, instructions].into_iter().flat_map(|s| s.lines()).map(|l| short(l.trim(), 200));
            let said = lines.filter(|l| !l.is_empty()).take(20).collect::<Vec<_>>().join("\n");
            if !said.is_empty() {
                self.asker.ask.said(&self.config.shown(), &said);
            }
        }
        let mut answers = Vec::new();
        for prompt in prompts {
            let said = [name, instructions, prompt.prompt.as_str()]
                .into_iter()
                .map(|s| short(s.trim(), 200))
                .filter(|s| !s.is_empty())
                .collect::<Vec<_>>()
                .join(": ");
            answers.push(self.ask(SecretKind::Answer, &said, prompt.echo, left.take()).await?.expose().to_string());
        }
        Some(answers)
    }
}

/// A key to try: by its place among the agent's, or among the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Candidate {
    Agent(usize),
    File(usize),
}

/// ssh's order: keys of the agent that a file names, the agent's other ones unless IdentitiesOnly, files it has not.
fn order<K: KeyData>(held: &[K], files: &[Option<K>], only: bool) -> Vec<Candidate> {
    let same = |a: &K, b: &K| a.same(b);
    let in_agent = |f: &Option<K>| f.as_ref().and_then(|f| held.iter().position(|h| same(h, f)));
    let mut out: Vec<Candidate> = Vec::new();
    for file in files {
        if let Some(i) = in_agent(file)
            && !out.contains(&Candidate::Agent(i))
        {
            out.push(Candidate::Agent(i));
        }
    }
    if !only {
        for i in 0..held.len() {
            if !out.contains(&Candidate::Agent(i)) {
                out.push(Candidate::Agent(i));
            }
        }
    }
    out.extend((0..files.len()).filter(|i| files.get(*i).is_some_and(|f| in_agent(f).is_none())).map(Candidate::File));
    out
}

/// The same key, whatever its comment.
trait KeyData {
    fn same(&self, other: &Self) -> bool;
}
impl KeyData for PublicKey {
    fn same(&self, other: &PublicKey) -> bool {
        self.key_data() == other.key_data()
    }
}

async fn open_agent(socket: &AgentSocket) -> Option<Agent> {
    let path = socket.path()?;
    match tokio::time::timeout(AGENT_WITHIN, AgentClient::connect_uds(&path)).await {
        Ok(Ok(agent)) => Some(agent.dynamic()),
        _ => {
            tracing::warn!("the ssh-agent does not answer");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ssh::config::Dest;
    use russh::keys::PrivateKey;
    use std::path::Path;

    impl KeyData for u8 {
        fn same(&self, other: &u8) -> bool {
            self == other
        }
    }

    #[test]
    fn keys_in_sshs_order() {
        use Candidate::{Agent as A, File as F};
        assert_eq!(order(&[1u8, 2, 3], &[], false), [A(0), A(1), A(2)]);
        assert_eq!(order(&[1u8, 2, 3], &[], true), []);
        assert_eq!(order(&[1u8, 2, 3], &[Some(9), Some(3), None], false), [A(2), A(0), A(1), F(0), F(2)]);
        assert_eq!(order(&[1u8, 2, 3], &[Some(9), Some(3), None], true), [A(2), F(0), F(2)]);
        assert_eq!(order(&[1u8], &[Some(1), Some(1)], true), [A(0)]);
    }

    #[test]
    fn methods_in_sshs_order() {
        use MethodKind::{KeyboardInteractive as K, Password as P, PublicKey as Q};
        let dest = Dest { user: None, host: "h".into(), port: None };
        let mut c = HostConfig::defaults(&dest, Path::new("/h"), "me");
        assert_eq!(next_method(&[P, K, Q], &[], &c), Some(Q));
        assert_eq!(next_method(&[P, K, Q], &[Q], &c), Some(K));
        assert_eq!(next_method(&[P, Q], &[Q], &c), Some(P));
        assert_eq!(next_method(&[Q], &[Q], &c), None);
        c.publickey = false;
        assert_eq!(next_method(&[P, Q], &[], &c), Some(P));
        c.publickey = true;
        c.preferred_authentications = ["password", "hostbased", "publickey"].map(String::from).to_vec();
        assert_eq!(next_method(&[P, K, Q], &[], &c), Some(P));
        assert_eq!(next_method(&[P, K, Q], &[P], &c), Some(Q));
        assert_eq!(next_method(&[K], &[], &c), None);
    }

    // ---- against russh's own server: what the test's sshd can't be made to do without PAM

    use crate::transport::ask::{Answered, Ask, Nobody};
    use crate::transport::ssh::connect;
    use russh::server::{self, Auth, Response};
    use std::sync::Mutex;

    /// Takes the password "right", then asks two rounds of questions.
    struct Door {
        rounds: usize,
        both: bool,
    }
    fn reject(methods: &[MethodKind], partial_success: bool) -> Auth {
        Auth::Reject { proceed_with_methods: Some(methods.into()), partial_success }
    }
    impl server::Handler for Door {
        type Error = russh::Error;
        async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
            Ok(reject(&[MethodKind::Password], false))
        }
        async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
            Ok(match (password == "right", self.both) {
                (true, true) => reject(&[MethodKind::KeyboardInteractive], true),
                (true, false) => Auth::Accept,
                (false, _) => reject(&[MethodKind::Password], false),
            })
        }
        async fn auth_keyboard_interactive<'a>(
            &'a mut self,
            _: &str,
            _: &str,
            response: Option<Response<'a>>,
        ) -> Result<Auth, russh::Error> {
            self.rounds += usize::from(response.is_some());
            let given = response.map(|r| r.map(|b| b.to_vec()).collect::<Vec<_>>()).unwrap_or_default();
            Ok(match self.rounds {
                0 => Auth::Partial {
                    name: "".into(),
                    instructions: "Two\u{1b}[31m factors".into(),
                    prompts: vec![("Code: ".into(), true), ("Pin: ".into(), false)].into(),
                },
                1 if given == [b"123".to_vec(), b"456".to_vec()] => {
                    Auth::Partial { name: "".into(), instructions: "".into(), prompts: vec![].into() }
                }
                2 => Auth::Accept,
                _ => reject(&[MethodKind::KeyboardInteractive], false),
            })
        }
    }

    #[derive(Default)]
    struct Person {
        answers: Mutex<Vec<&'static str>>,
        asked: Mutex<Vec<String>>,
    }
    impl Ask for Person {
        fn host_key(&self, _: &crate::transport::ask::KeyAsked) -> Answered<'_, bool> {
            Box::pin(async { Some(true) })
        }
        fn secret(&self, asked: &SecretAsked) -> Answered<'_, Typed> {
            let SecretAsked { host, prompt, echo, left, .. } = asked;
            let left = left.map(|n| format!("|{n} left")).unwrap_or_default();
            self.asked.lock().unwrap().push(format!("{host}|{prompt}|{echo}{left}"));
            let answer = self.answers.lock().unwrap().pop().map(Typed::from);
            Box::pin(async { answer })
        }
        fn deploy(&self, _: &str, _: Option<&str>, _: &str, _: &[String]) -> Answered<'_, bool> {
            Box::pin(async { None })
        }
        fn progress(&self, _: &str, _: Option<f32>) {}
    }

    async fn log_in(both: bool, ask: Arc<dyn Ask>) -> Result<connect::Ssh, Failure> {
        log_in_at(both, ask).await.0
    }

    /// Also the server's side of it.
    async fn log_in_at(both: bool, ask: Arc<dyn Ask>) -> (Result<connect::Ssh, Failure>, Option<server::Handle>) {
        let seed = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
        let settings = server::Config {
            keys: vec![PrivateKey::from(seed)],
            auth_rejection_time: Duration::ZERO,
            ..server::Config::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let dest = Dest {
            user: Some("al".into()),
            host: "127.0.0.1".into(),
            port: listener.local_addr().ok().map(|a| a.port()),
        };
        let mut config = HostConfig::defaults(&dest, dir.path(), "me");
        config.strict = super::super::config::Strict::AcceptNew;
        config.identity_agent = AgentSocket::None;
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let running = server::run_stream(Arc::new(settings), stream, Door { rounds: 0, both }).await;
            if let Ok(running) = running {
                let _ = tell.send(running.handle());
                let _ = running.await;
            }
        });
        (connect::over_tcp(config, ask, None).await, told.await.ok())
    }

    #[tokio::test]
    async fn passwords_and_questions() {
        // the third is right
        let p = Arc::new(Person::default());
        *p.answers.lock().unwrap() = vec!["right", "wrong", "wrong too"];
        log_in(false, p.clone()).await.unwrap();
        let asked = p.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 3);
        assert!(asked[0].starts_with("al@127.0.0.1:") && asked[0].contains("password|false"), "{asked:?}");
        // never
        let p = Arc::new(Person::default());
        *p.answers.lock().unwrap() = vec!["right", "no", "no", "no"];
        let f = log_in(false, p.clone()).await.err().unwrap();
        assert!(f.code() == 4 && f.what.contains("(password: wrong 3 times)"), "{f}");
        assert!(f.to_string().contains("type it anew"), "{f}");
        let asked = p.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 3);
        assert!(asked[0].ends_with("|false") && asked[1].ends_with("|2 left") && asked[2].ends_with("|1 left"));
        // password, then the questions of a second factor
        let p = Arc::new(Person::default());
        *p.answers.lock().unwrap() = vec!["456", "123", "right"];
        log_in(true, p.clone()).await.unwrap();
        let asked = p.asked.lock().unwrap().clone();
        assert!(
            asked[1].contains("Two\\u{1b}[31m factors: Code:|true") && asked[2].contains("Pin:|false"),
            "{asked:?}"
        );
        // a person who leaves
        let p = Arc::new(Person::default());
        let f = log_in(false, p.clone()).await.err().unwrap();
        assert!(f.what.contains("cancelled"), "{f}");
        assert_eq!(p.asked.lock().unwrap().len(), 1);
        // nobody at all
        let f = log_in(true, Arc::new(Nobody)).await.err().unwrap();
        assert!(f.code() == 4 && f.to_string().contains("where there is a terminal"), "{f}");
    }

    #[tokio::test]
    async fn a_host_opens_nothing_towards_us() {
        let p = Arc::new(Person::default());
        *p.answers.lock().unwrap() = vec!["right"];
        let (ssh, server) = log_in_at(false, p).await;
        let (ssh, server) = (ssh.unwrap(), server.unwrap());
        assert!(server.channel_open_agent().await.is_err());
        assert!(server.channel_open_session().await.is_err());
        assert!(server.channel_open_x11("a", 1).await.is_err());
        assert!(server.channel_open_direct_tcpip("127.0.0.1", 22, "a", 1).await.is_err());
        assert!(server.channel_open_direct_streamlocal("/run/x").await.is_err());
        assert!(server.channel_open_forwarded_tcpip("a", 1, "b", 2).await.is_err());
        assert!(server.channel_open_forwarded_streamlocal("/run/x").await.is_err());
        assert!(!ssh.is_closed());
    }
}
