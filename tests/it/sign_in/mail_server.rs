//! A small mail server: it takes letters, by STARTTLS where it has a certificate, and refuses when it is told to.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use usher::config::email::{EmailCredential, SecretFile};
use usher::config::{EmailConfig, EmailTls};

use crate::serve::make_certificate;
use crate::workload_server::client;

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
}

impl MailServer {
    /// Whether it knows STARTTLS, and its answers to the first recipients.
    pub(crate) fn start(knows_tls: bool, answers: &[&'static str]) -> Self {
        client();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("password"), "the-password-of-usher\n").unwrap();
        let files = make_certificate(folder.path(), "mail");
        let certificates = CertificateDer::pem_file_iter(&files.certificate).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = Arc::new(tls.with_single_cert(certificates, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen {
            answers: answers.iter().copied().collect(),
            ..Seen::default()
        }));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, seen) = (knows_tls.then(|| Arc::clone(&tls)), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream.unwrap(), tls, &seen));
            }
        });
        Self { port, folder, seen }
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
            tls: EmailTls::StartTls,
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

fn serve(mut stream: TcpStream, tls: Option<Arc<ServerConfig>>, seen: &Mutex<Seen>) {
    stream
        .write_all(b"220 mail.contoso.example ESMTP\r\n")
        .unwrap();
    if talk(&mut stream, tls.is_some(), false, seen) {
        let connection = ServerConnection::new(tls.unwrap()).unwrap();
        talk(&mut StreamOwned::new(connection, stream), false, true, seen);
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
                "235 welcome"
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
