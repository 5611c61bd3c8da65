//! A server on mio, written as one is: it knows nothing of Interlude and runs without it.
//!
//! Its conversation is that of `c/conversation.h`: messages and answers are lines of 16 bytes,
//! padded with blanks; `set X` signs X and only after that makes it the connection's value; `get`
//! is answered with the value. It prints `port N`, and ends with exit code 0 on SIGTERM.
//!
//! Its state lies on the heap and is shared (`Rc`, `RefCell`), so no `&mut` to anything but the
//! handler's own connection is held across the signature.

use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Registry, Token};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};
use signal_hook::consts::SIGTERM;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::rc::Rc;

const MESSAGE: usize = 16;
const LISTENER: Token = Token(0);
const STOP: Token = Token(1);
const FIRST: usize = 2;

struct Server {
    registry: Registry,
    listener: TcpListener,
    key: PKey<Private>,
    connections: RefCell<HashMap<Token, Rc<RefCell<Connection>>>>,
    next: Cell<usize>,
}

struct Connection {
    stream: TcpStream,
    message: Vec<u8>,
    value: String,
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mio-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let server = Box::new(Server::new(poll.registry().try_clone()?)?);
    let mut stop = stop_on_sigterm()?;
    poll.registry().register(&mut stop, STOP, Interest::READABLE)?;
    println!("port {}", server.listener.local_addr()?.port());
    io::stdout().flush()?;
    let mut events = Events::with_capacity(128);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                STOP => return Ok(()),
                LISTENER => server.accept()?,
                token => server.ready(token),
            }
        }
    }
}

/// Readable once SIGTERM has come.
fn stop_on_sigterm() -> io::Result<UnixStream> {
    let (receiver, sender) = std::os::unix::net::UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGTERM, sender)?;
    Ok(UnixStream::from_std(receiver))
}

impl Server {
    fn new(registry: Registry) -> io::Result<Self> {
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        Ok(Self {
            registry,
            listener,
            key,
            connections: RefCell::default(),
            next: Cell::new(FIRST),
        })
    }

    fn accept(&self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.next.replace(self.next.get() + 1));
            self.registry.register(&mut stream, token, Interest::READABLE)?;
            let connection =
                Connection { stream, message: Vec::new(), value: String::from("none") };
            self.connections.borrow_mut().insert(token, Rc::new(RefCell::new(connection)));
        }
    }

    fn ready(&self, token: Token) {
        let Some(connection) = self.connections.borrow().get(&token).map(Rc::clone) else { return };
        if connection.borrow_mut().converse(&self.key).is_err() {
            self.connections.borrow_mut().remove(&token);
        }
    }
}

impl Connection {
    /// Answers all messages that are there: mio is edge-triggered. An error ends the connection.
    fn converse(&mut self, key: &PKey<Private>) -> io::Result<()> {
        while self.read_message()? {
            let text = String::from_utf8_lossy(&self.message).trim_end().to_owned();
            self.message.clear();
            match text.strip_prefix("set ") {
                Some(value) => {
                    let answer = if signs(key, value.as_bytes())? { "done" } else { "failed" };
                    value.clone_into(&mut self.value);
                    self.answer(answer)?;
                }
                None => self.answer(&self.value.clone())?,
            }
        }
        Ok(())
    }

    /// False where the message has not all come yet.
    fn read_message(&mut self) -> io::Result<bool> {
        while self.message.len() < MESSAGE {
            let mut piece = [0; MESSAGE];
            let wanted = &mut piece[self.message.len()..];
            match self.stream.read(wanted) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(size) => self.message.extend_from_slice(&wanted[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn answer(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{text:<15.15}\n").as_bytes())
    }
}

/// Signs and verifies.
fn signs(key: &PKey<Private>, text: &[u8]) -> Result<bool, ErrorStack> {
    let signature = Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(text)?;
    Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(&signature, text)
}
