//! One letter to one mail server (RFC 5321). What the server says may name the person, so only its code is told.

use std::io;
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::letter::Letter;
use crate::config::{EmailConfig, EmailTls};

/// Time for one command, and for the whole.
const COMMAND_TIME: Duration = Duration::from_secs(20);
const WHOLE_TIME: Duration = Duration::from_mins(1);

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("the address of the person is no e-mail address")]
    Recipient(#[source] AddressError),
    #[error("spec.signIn.email.from is no e-mail address")]
    Sender(#[source] AddressError),
    #[error("the letter cannot be written")]
    Message(#[source] lettre::error::Error),
    #[error("the password of the mail server cannot be read")]
    Password(#[source] io::Error),
    #[error("the certificate authority of the mail server cannot be used")]
    Authority(#[source] io::Error),
    #[error("the mail server answered {0}")]
    Answer(u16),
    #[error("no TLS connection with the mail server comes about")]
    Tls,
    #[error("the mail server cannot be reached, or does not answer as one")]
    Unreachable,
    #[error("the mail server took too long")]
    TooLong,
}

impl Undelivered {
    /// Whether another try may succeed: a server that does not let us in may be told of a new password.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Recipient(_) | Self::Sender(_) | Self::Message(_) => false,
            Self::Answer(code) => *code < 500 || matches!(code, 530..=538),
            Self::Password(_)
            | Self::Authority(_)
            | Self::Tls
            | Self::Unreachable
            | Self::TooLong => true,
        }
    }
}

/// Says to answering programs that nobody waits for their answer (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Sends a letter in the name of the directory at `host`.
pub(crate) async fn send(
    config: &EmailConfig,
    host: &str,
    letter: &Letter,
) -> Result<(), Undelivered> {
    let message = message(config, host, letter)?;
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.server)
        .port(config.port)
        .hello_name(ClientId::Domain(host.to_owned()))
        .timeout(Some(COMMAND_TIME))
        .tls(protection(config).await?);
    if let Some(credential) = &config.credential {
        let read = tokio::fs::read_to_string(&credential.password.file).await;
        let password = read.map_err(Undelivered::Password)?.trim().to_owned();
        let credentials = Credentials::new(credential.user_name.clone(), password);
        transport = transport.credentials(credentials);
    }
    let transport = transport.build();
    let sent = transport.send(message);
    match tokio::time::timeout(WHOLE_TIME, sent).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(undelivered(&error)),
        Err(_) => Err(Undelivered::TooLong),
    }
}

fn undelivered(error: &lettre::transport::smtp::Error) -> Undelivered {
    match error.status() {
        Some(code) => Undelivered::Answer(code.into()),
        None if error.is_timeout() => Undelivered::TooLong,
        None if error.is_tls() => Undelivered::Tls,
        None => Undelivered::Unreachable,
    }
}

/// Addresses are parsed, and all other headers are ours: nothing that a person is called gets into one.
fn message(config: &EmailConfig, host: &str, letter: &Letter) -> Result<Message, Undelivered> {
    let from: Address = config.from.parse().map_err(Undelivered::Sender)?;
    let to: Address = letter.to.parse().map_err(Undelivered::Recipient)?;
    let body = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    Message::builder()
        .from(Mailbox::new(None, from))
        .to(Mailbox::new(None, to))
        .subject(&letter.subject)
        .message_id(Some(format!("<{}@{host}>", letter.id)))
        .header(AutoSubmitted)
        .multipart(body)
        .map_err(Undelivered::Message)
}

async fn protection(config: &EmailConfig) -> Result<Tls, Undelivered> {
    if config.tls == EmailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.server.clone());
    if let Some(ca) = &config.ca {
        let pem = tokio::fs::read(&ca.file)
            .await
            .map_err(Undelivered::Authority)?;
        let certificate = Certificate::from_pem(&pem);
        let certificate = certificate.map_err(|it| Undelivered::Authority(io::Error::other(it)))?;
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
    }
    // The authorities of the system are read from files.
    let built = tokio::task::spawn_blocking(|| parameters.build_rustls()).await;
    let parameters = built
        .map_err(|_| Undelivered::Tls)?
        .map_err(|_| Undelivered::Tls)?;
    Ok(match config.tls {
        EmailTls::StartTls => Tls::Required(parameters),
        EmailTls::Tls => Tls::Wrapper(parameters),
        EmailTls::None => Tls::None,
    })
}
