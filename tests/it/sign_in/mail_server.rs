//! A small mail server: it takes letters from who knows the password, and refuses or is silent when it is told to.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use usher::config::email::{EmailCredential, SecretFile};
use usher::config::{EmailConfig, EmailTls};

use crate::serve::make_certificate;
use crate::workload_server::client;

const PASSWORD: &str = "the-password-of-usher";
const HELLO: &[u8] = b"220 mail.contoso.example ESMTP\r\n";

/// A letter that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) to: String,
    pub(crate) data: String,
    pub(crate) is_private: bool,
    /// What was presented at AUTH PLAIN.
    pub(crate) login: String,
}

impl Received {
    /// The link in it, without the site.
    pub(crate) fn path(&self) -> String {
        let text = self.data.replace("=\r\n", "").replace("=3D", "=");
        let (_, rest) = text.split_once(super::browser::SITE).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

/// How a server protects connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    StartTls,
    Tls,
    None,
}

#[derive(Default)]
struct Seen {
    letters: Vec<Received>,
    commands: Vec<String>,
    /// Answers to the next recipients; 250 once there are none.
    answers: VecDeque<&'static str>,
}

pub(crate) struct MailServer {
    port: u16,
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
    protection: Protection,
}

impl MailServer {
    /// One that knows STARTTLS.
    pub(crate) fn start() -> Self {
        Self::start_with(Protection::StartTls, &[])
    }

    /// With its answers to the first recipients.
    pub(crate) fn start_with(protection: Protection, answers: &[&'static str]) -> Self {
        client();
        let (server, listener) = Self::listen(protection);
        server.seen.lock().unwrap().answers = answers.iter().copied().collect();
        let files = make_certificate(server.folder.path(), "mail");
        let certificates = CertificateDer::pem_file_iter(&files.certificate).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = Arc::new(tls.with_single_cert(certificates, key).unwrap());
        let shared = Arc::clone(&server.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, seen) = (Arc::clone(&tls), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream.unwrap(), protection, tls, &seen));
            }
        });
        server
    }

    /// One that takes connections and never says a word.
    pub(crate) fn start_silent() -> Self {
        let (server, listener) = Self::listen(Protection::None);
        std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
        server
    }

    fn listen(protection: Protection) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            folder: TempDir::new().unwrap(),
            seen: Arc::default(),
            protection,
        };
        server.give_password(PASSWORD);
        (server, listener)
    }

    /// What directories present as the password from now on.
    pub(crate) fn give_password(&self, password: &str) {
        std::fs::write(self.folder.path().join("password"), format!("{password}\n")).unwrap();
    }

    /// How a directory writes by it.
    pub(crate) fn config(&self) -> EmailConfig {
        let file = |name: &str| SecretFile {
            file: self.folder.path().join(name),
            key: None,
        };
        EmailConfig {
            server: "127.0.0.1".to_owned(),
            port: self.port,
            tls: match self.protection {
                Protection::Tls => EmailTls::Tls,
                // As long as nobody says otherwise, a server is expected to know it.
                Protection::StartTls | Protection::None => EmailTls::StartTls,
            },
            from: "accounts@contoso.example".to_owned(),
            credential: Some(EmailCredential {
                user_name: "usher".to_owned(),
                password: file("password"),
            }),
            ca: Some(file("tls.crt")),
        }
    }

    pub(crate) fn letters(&self) -> Vec<Received> {
        self.seen.lock().unwrap().letters.clone()
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }

    /// Waits for so many letters.
    pub(crate) async fn await_letters(&self, count: usize) -> Vec<Received> {
        let began = Instant::now();
        while self.letters().len() < count {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{:?}",
                self.commands()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.letters()
    }
}

fn serve(stream: TcpStream, protection: Protection, tls: Arc<ServerConfig>, seen: &Mutex<Seen>) {
    let protect = |stream| StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let mut stream = stream;
    match protection {
        Protection::Tls => {
            let mut stream = protect(stream);
            if stream.write_all(HELLO).is_ok() {
                talk(&mut stream, false, true, seen);
            }
        }
        Protection::StartTls | Protection::None => {
            let knows_tls = protection == Protection::StartTls;
            stream.write_all(HELLO).unwrap();
            if talk(&mut stream, knows_tls, false, seen) {
                talk(&mut protect(stream), false, true, seen);
            }
        }
    }
}

/// Says whether TLS begins.
fn talk(
    stream: &mut (impl Read + Write),
    knows_tls: bool,
    is_private: bool,
    seen: &Mutex<Seen>,
) -> bool {
    let (mut to, mut login) = (String::new(), String::new());
    while let Some(line) = line(stream) {
        seen.lock().unwrap().commands.push(line.clone());
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" if knows_tls => "250-hello\r\n250-STARTTLS\r\n250 AUTH PLAIN",
            "EHLO" => "250-hello\r\n250 AUTH PLAIN",
            "STARTTLS" if knows_tls => {
                stream.write_all(b"220 go\r\n").unwrap();
                return true;
            }
            "AUTH" => {
                line.clone_into(&mut login);
                let known = STANDARD.encode(format!("\0usher\0{PASSWORD}"));
                if login.ends_with(&known) {
                    "235 welcome"
                } else {
                    "535 who is usher"
                }
            }
            "RCPT" => {
                line.clone_into(&mut to);
                seen.lock()
                    .unwrap()
                    .answers
                    .pop_front()
                    .unwrap_or("250 fine")
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").unwrap();
                let mut data = String::new();
                while let Some(line) = self::line(stream).filter(|it| it != ".") {
                    data += &line;
                    data += "\r\n";
                }
                let letter = Received {
                    to: to.clone(),
                    data,
                    is_private,
                    login: login.clone(),
                };
                seen.lock().unwrap().letters.push(letter);
                "250 taken"
            }
            "MAIL" | "RSET" | "NOOP" => "250 fine",
            "QUIT" => "221 bye",
            _ => "500 what",
        };
        if stream
            .write_all(format!("{answer}\r\n").as_bytes())
            .is_err()
            || line == "QUIT"
        {
            return false;
        }
    }
    false
}

fn line(stream: &mut impl Read) -> Option<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while byte[0] != b'\n' {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        line.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}
