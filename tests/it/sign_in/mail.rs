//! Letters: invitations, links for who forgot a password, notices; and what becomes of them when the mail server does not take them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use usher::config::EmailConfig;
use usher::config::report::EmailTrouble;

use super::Stage;
use super::browser::{Browser, Shown};
use super::mail_server::{MailServer, Protection};
use super::passwords::{PASSWORD, form, present, set, stage_with};
use super::provider::OBJECT_ID;
use crate::workload_server::client;

const ANA: &str = "ana@contoso.example";
const OTHER: &str = "violet engine under snow";

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn stage(mail: &MailServer) -> Stage {
    stage_with(|tenant| tenant.sign_in.as_mut().unwrap().email = Some(mail.config())).await
}

async fn forget(browser: &Browser, user_name: &str) -> Shown {
    let page = browser.get("/forgotten-password").await;
    assert_eq!(page.status, 200, "{}", page.text);
    browser
        .post("/forgotten-password", &form(&[("user_name", user_name)]))
        .await
}

impl Stage {
    async fn trouble(&self) -> Option<EmailTrouble> {
        self.workload
            .server
            .report()
            .await
            .scim_tenants
            .swap_remove(0)
            .email_trouble
    }

    /// Waits until a letter was not sent.
    async fn await_trouble(&self) -> EmailTrouble {
        for _ in 0..500 {
            if let Some(trouble) = self.trouble().await {
                return trouble;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("all letters were sent");
    }

    pub(crate) async fn metrics(&self) -> String {
        let report = self.workload.server.report_addr().unwrap();
        let asked = client()
            .get(format!("http://{report}/metrics"))
            .send()
            .await;
        asked.unwrap().text().await.unwrap()
    }
}

#[tokio::test]
async fn who_is_invited_by_a_letter_sets_a_password_and_is_told_so() {
    let mail = MailServer::start();
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;

    assert_eq!(
        stage.usher(&["invite", ANA]).await,
        "",
        "the link is for nobody else"
    );

    let letter = mail.await_letters(1).await.remove(0);
    assert!(
        letter.is_private && letter.login.starts_with("AUTH PLAIN "),
        "{letter:?}"
    );
    assert_eq!(letter.to, format!("RCPT TO:<{ANA}>"));
    for header in [
        "From: accounts@contoso.example\r\n",
        "To: ana@contoso.example\r\n",
        "Subject: Set your password for contoso.example\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(letter.data.contains(header), "{header} {}", letter.data);
    }
    let done = set(&stage.browser(), &letter.path(), PASSWORD).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let notice = mail.await_letters(2).await.remove(1);
    assert!(
        notice
            .data
            .contains("Subject: Your password for contoso.example was set")
    );
    assert!(!notice.data.contains("set-password"), "{}", notice.data);
    let metrics = stage.metrics().await;
    for letter in ["invitation", "notice"] {
        let line = format!(
            "usher_scim_emails_total{{scim_tenant=\"identity/contoso\",letter=\"{letter}\",result=\"sent\"}} 1"
        );
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert_eq!(stage.trouble().await, None);

    let link = stage.usher(&["reset-password", ANA, "--show"]).await;
    assert!(link.contains("/set-password/"), "{link}");
}

/// A17: the answer is given before anybody is looked up, so that neither text nor time tells whether there is such a person.
#[tokio::test]
async fn a17_who_forgot_a_password_is_answered_like_a_stranger() {
    let mail = MailServer::start();
    let stage = stage(&mail).await;
    stage.add_ana().await;
    stage.add("lena@contoso.example", OBJECT_ID).await;
    let bo = stage.add("bo@contoso.example", "bo").await;
    stage.set_active(&bo, false).await;
    mail.await_letters(1).await;
    let browser = stage.browser();

    let known = forget(&browser, "Ana@Contoso.example").await;
    for other in [
        "nobody@contoso.example",
        "lena@contoso.example",
        "bo@contoso.example",
    ] {
        let shown = forget(&browser, other).await;
        assert_eq!(
            (shown.status, &shown.text),
            (known.status, &known.text),
            "{other}"
        );
    }

    assert_eq!(known.status, 200);
    let letter = mail.await_letters(2).await.remove(1);
    assert_eq!(letter.to, format!("RCPT TO:<{ANA}>"));
    assert_eq!(
        set(&stage.browser(), &letter.path(), OTHER).await.status,
        200
    );
    mail.await_letters(3).await;
    assert_eq!(mail.letters().len(), 3, "nobody else was written to");
}

/// A17: a stranger who asks in the name of somebody who was invited takes nothing away.
#[tokio::test]
async fn a17_a_link_that_a_stranger_asks_for_voids_no_invitation() {
    let mail = MailServer::start();
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;
    let invitation = mail.await_letters(1).await.remove(0).path();

    forget(&stage.browser(), ANA).await;
    let asked = mail.await_letters(2).await.remove(1).path();

    let browser = stage.browser();
    stage.clock.advance(Duration::from_hours(2));
    assert_eq!(
        browser.get(&asked).await.status,
        410,
        "it holds for an hour"
    );
    assert_eq!(browser.get(&invitation).await.status, 200);
    forget(&stage.browser(), ANA).await;
    let asked = mail.await_letters(3).await.remove(2).path();
    assert_eq!(set(&browser, &invitation, PASSWORD).await.status, 200);
    for spent in [&invitation, &asked] {
        assert_eq!(browser.get(spent).await.status, 410);
        assert_eq!(set(&stage.browser(), spent, OTHER).await.status, 410);
    }
}

/// A17: a stranger can fill no mailbox, and a source can ask only so often.
#[tokio::test]
async fn a17_links_are_limited_by_account_and_by_source() {
    let mail = MailServer::start();
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    let browser = stage.browser();
    for _ in 0..10 {
        assert_eq!(forget(&browser, ANA).await.status, 200);
    }

    assert_eq!(forget(&browser, ANA).await.status, 429);
    mail.await_letters(3).await;
    stage.clock.advance(Duration::from_mins(2));
    assert_eq!(forget(&browser, ANA).await.status, 200);
    stage.clock.advance(Duration::from_hours(1));
    assert_eq!(forget(&browser, ANA).await.status, 200);
    mail.await_letters(4).await;
    assert_eq!(mail.letters().len(), 4);
}

#[tokio::test]
async fn a_letter_goes_again_when_the_server_takes_none_for_a_while() {
    let mail = MailServer::start_with(
        Protection::StartTls,
        &["451 the mailbox of ana@contoso.example is busy"],
    );
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;

    let trouble = stage.await_trouble().await;

    assert_eq!(trouble.summary, "invitation: the mail server answered 451");
    mail.await_letters(1).await;
    for _ in 0..100 {
        if stage.trouble().await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the trouble is over and is still told");
}

#[tokio::test]
async fn a_letter_that_the_server_refuses_is_told_and_goes_no_more() {
    let mail = MailServer::start_with(
        Protection::StartTls,
        &["550 there is no ana@contoso.example"],
    );
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;

    let trouble = stage.await_trouble().await;

    assert_eq!(trouble.summary, "invitation: the mail server answered 550");
    let metrics = stage.metrics().await;
    assert!(
        metrics.contains("letter=\"invitation\",result=\"failed\"} 1"),
        "{metrics}"
    );
    assert!(!metrics.contains("ana@"), "{metrics}");
    assert!(mail.letters().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_tls() {
    let mail = MailServer::start_with(Protection::None, &[]);
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;

    stage.await_trouble().await;

    let commands = mail.commands();
    assert!(
        !commands
            .iter()
            .any(|it| it.starts_with("AUTH") || it.starts_with("MAIL")),
        "{commands:?}"
    );
}

#[tokio::test]
async fn a_letter_goes_by_tls_from_the_first_byte() {
    let mail = MailServer::start_with(Protection::Tls, &[]);
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;

    let letter = mail.await_letters(1).await.remove(0);

    assert!(letter.is_private, "{letter:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_whose_certificate_is_not_trusted() {
    for protection in [Protection::StartTls, Protection::Tls] {
        let mail = MailServer::start_with(protection, &[]);
        let stage = stage_with(|tenant| {
            let email = EmailConfig {
                ca: None,
                ..mail.config()
            };
            tenant.sign_in.as_mut().unwrap().email = Some(email);
        })
        .await;
        stage.add(ANA, "ana").await;
        stage.usher(&["invite", ANA]).await;

        stage.await_trouble().await;

        let commands = mail.commands();
        let greets = |it: &String| it.starts_with("EHLO") || it == "STARTTLS";
        assert!(commands.iter().all(greets), "{commands:?}");
    }
}

#[tokio::test]
async fn a_password_that_the_server_does_not_know_is_told_and_a_new_one_is_taken_up() {
    let mail = MailServer::start();
    mail.give_password("the-password-of-yesterday");
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;

    let trouble = stage.await_trouble().await;
    mail.give_password("the-password-of-usher");

    assert_eq!(trouble.summary, "invitation: the mail server answered 535");
    mail.await_letters(1).await;
}

/// Whatever becomes of letters, people sign in, set passwords and are answered at once.
#[tokio::test]
async fn nobody_waits_for_a_mail_server_that_is_silent() {
    let mail = MailServer::start_silent();
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    let began = Instant::now();
    let link = stage.link(ANA).await;
    let browser = stage.browser();

    let done = set(&browser, &link, PASSWORD).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(forget(&browser, ANA).await.status, 200);
    stage.usher(&["reset-password", ANA]).await;
    let another = stage.browser();
    assert_eq!(present(&another, ANA, PASSWORD).await.status, 200);
    assert!(stage.is_signed_in(&another).await);

    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_end_of_the_process_does_not_wait_for_a_letter_that_goes_again_later() {
    let busy = ["451 busy"; 8];
    let mail = MailServer::start_with(Protection::StartTls, &busy);
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;
    stage.await_trouble().await;
    let began = Instant::now();

    stage.workload.server.shutdown().await;

    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

/// Whoever reads the log must not be able to sign in, nor learn who forgot a password.
#[tokio::test]
async fn the_log_has_neither_links_nor_addresses_of_letters() {
    let log = Log::default();
    // Where there is one subscriber alone, whether an event is of interest is said by the thread that meets it first: that of another test.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let refused = "451 the mailbox of ana@contoso.example is busy";
    let mail = MailServer::start_with(Protection::StartTls, &["250 fine", refused]);
    let stage = stage(&mail).await;
    stage.add(ANA, "ana").await;
    stage.usher(&["invite", ANA]).await;
    let invitation = mail.await_letters(1).await.remove(0).path();
    stage.usher(&["reset-password", ANA]).await;
    let reset = mail.await_letters(2).await.remove(1).path();
    forget(&stage.browser(), ANA).await;
    let forgotten = mail.await_letters(3).await.remove(2).path();
    assert_eq!(
        set(&stage.browser(), &forgotten, PASSWORD).await.status,
        200
    );

    let log = log.text();
    assert!(
        log.contains("a letter was sent") && log.contains("answered 451"),
        "{log}"
    );
    for secret in [&invitation, &reset, &forgotten] {
        let secret = secret.rsplit('/').next().unwrap();
        assert!(secret.len() > 40 && !log.contains(secret), "{secret} {log}");
    }
    assert!(!log.contains("the-password-of-usher"), "{log}");
    assert!(!log.contains("<ana@") && !log.contains("mailbox"), "{log}");
}

#[tokio::test]
async fn an_address_can_add_no_header_and_no_recipient() {
    let mail = MailServer::start();
    let stage = stage(&mail).await;
    for (number, address) in [
        "ana@contoso.example\r\nBcc: eve@evil.example",
        "ana@contoso.example>\r\nRCPT TO:<eve@evil.example",
        "ana@contoso.example, eve@evil.example",
    ]
    .into_iter()
    .enumerate()
    {
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("ana{number}"),
            "emails": [{"value": address}],
        });
        let (status, said) = stage.workload.send("POST", "/Users", Some(&person)).await;
        if status == 201 {
            stage.usher(&["invite", &format!("ana{number}")]).await;
            let trouble = stage.await_trouble().await;
            assert_eq!(
                trouble.summary.split(": ").nth(1),
                Some("the address of the person is no e-mail address")
            );
            assert!(!trouble.summary.contains("evil"), "{}", trouble.summary);
        } else {
            assert_eq!(status, 400, "{said}");
        }
    }
    let commands = mail.commands();
    assert!(
        !commands.iter().any(|it| it.contains("evil")),
        "{commands:?}"
    );
}

#[tokio::test]
async fn without_a_mail_server_there_is_no_such_page() {
    let stage = stage_with(|_| {}).await;
    assert_eq!(stage.browser().get("/forgotten-password").await.status, 401);
    let page = stage
        .browser()
        .post("/sign-in", &form(&[("login_hint", ANA)]))
        .await;
    assert!(
        page.text.contains("Your administrator can give you a link"),
        "{}",
        page.text
    );
}
