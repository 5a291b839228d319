//! Letters against a mail server of a few lines that answers as it is told.

use super::*;
use crate::kernel::Moment;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

fn letter() -> Letter {
    Letter {
        from_name: "ペットの星".into(),
        from: "shop@example.com".into(),
        to: "mika@example.jp".into(),
        reply_to: Some("hello@example.com".into()),
        subject: "ご注文ありがとうございます — Chelsea".into(),
        text: "Thank you.\n.\nA line with a dot alone.".into(),
        html: "<p>Thank you.</p>".into(),
        message_id: "0197-1@example.com".into(),
        date: Moment::parse("2026-05-01T09:30:00Z").unwrap(),
    }
}

/// Answers each command with the line that `script` has for its first word, or with 250.
async fn server(script: &'static [(&'static str, &'static str)]) -> (Mailer, Arc<Mutex<Vec<String>>>) {
    let (url, heard) = listening(script).await;
    (Mailer::new(Some(&url), Path::new("unused")).unwrap(), heard)
}

/// The address of such a server.
async fn listening(script: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let record = record.clone();
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                writer.write_all(b"220 test\r\n").await.unwrap();
                let mut in_letter = false;
                while let Ok(Some(line)) = lines.next_line().await {
                    record.lock().unwrap().push(line.clone());
                    let word = if in_letter { "." } else { line.split([' ', ':']).next().unwrap_or("") };
                    if in_letter && line != "." {
                        continue;
                    }
                    let answer = script.iter().find(|(command, _)| *command == word).map_or("250 ok", |(_, text)| text);
                    match answer {
                        "(hang up)" => return,
                        "(silence)" => std::future::pending().await,
                        _ => {}
                    }
                    let answer = if word == "DATA" && answer == "250 ok" { "354 go on" } else { answer };
                    in_letter = answer.starts_with("354");
                    if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (format!("smtp://127.0.0.1:{port}"), heard)
}

#[tokio::test]
async fn letters_share_a_connection_and_keep_their_message_id() {
    let (mailer, heard) = server(&[]).await;
    mailer.send(&letter()).await.unwrap();
    mailer.send(&letter()).await.unwrap();
    let heard = heard.lock().unwrap();
    let count = |start: &str| heard.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("EHLO"), count("RCPT TO:<mika@example.jp>")), (1, 2));
    assert_eq!(count("Message-ID: <0197-1@example.com>"), 2);
    assert_eq!(count("Date: Fri, 01 May 2026 09:30:00"), 2);
    assert_eq!(count("Auto-Submitted: auto-generated"), 2);
}

#[tokio::test]
async fn what_the_server_says_decides_about_another_try() {
    use Outcome::{Later, Refused, Unknown};
    let cases: [(&'static [(&'static str, &'static str)], Outcome, Reason); 7] = [
        (&[("RCPT", "550 no such user")], Refused, Reason::Refused),
        (&[("RCPT", "450 try later")], Later, Reason::Busy),
        (&[("MAIL", "530 log in first")], Later, Reason::LogIn),
        (&[("MAIL", "(hang up)")], Later, Reason::Unreachable),
        (&[(".", "554 spam")], Refused, Reason::Refused),
        (&[(".", "451 disk full")], Later, Reason::Busy),
        (&[(".", "(hang up)")], Unknown, Reason::Silent),
    ];
    for (script, outcome, reason) in cases {
        let (mailer, _) = server(script).await;
        let trouble = mailer.send(&letter()).await.unwrap_err();
        assert_eq!((trouble.outcome, trouble.reason), (outcome, reason), "{script:?}: {}", trouble.answer);
    }
    let (mailer, _) = server(&[("RCPT", "550 no such user")]).await;
    assert_eq!(mailer.send(&letter()).await.unwrap_err().answer, "550 no such user");
}

/// Nobody waits for ever, and only after the letter itself nobody knows what became of it.
#[tokio::test]
async fn a_server_that_falls_silent_is_left_alone() {
    use Outcome::{Later, Unknown};
    let cases: [(&'static [(&'static str, &'static str)], Outcome, Reason); 5] = [
        (&[("EHLO", "(silence)")], Later, Reason::Unreachable),
        (&[("MAIL", "(silence)")], Later, Reason::Unreachable),
        (&[("RCPT", "(silence)")], Later, Reason::Unreachable),
        (&[("DATA", "(silence)")], Later, Reason::Unreachable),
        (&[(".", "(silence)")], Unknown, Reason::Silent),
    ];
    for (script, outcome, reason) in cases {
        let (url, _) = listening(script).await;
        let short = std::time::Duration::from_millis(300);
        let patience = smtp::Patience { connect: short, command: short, letter: short };
        let mailer = Mailer::Smtp(Arc::new(Smtp::patient(Server::parse(&url).unwrap(), patience)));
        let trouble = mailer.send(&letter()).await.unwrap_err();
        assert_eq!((trouble.outcome, trouble.reason), (outcome, reason), "{script:?}: {}", trouble.answer);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_later() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mailer = Mailer::new(Some(&format!("smtp://127.0.0.1:{port}")), Path::new("unused")).unwrap();
    let trouble = mailer.send(&letter()).await.unwrap_err();
    assert_eq!((trouble.outcome, trouble.reason), (Outcome::Later, Reason::Unreachable));
    assert!(mailer.reach().await.is_err());
}

#[tokio::test]
async fn without_a_server_letters_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::new(None, &folder.path().join("outbox")).unwrap();
    mailer.send(&letter()).await.unwrap();
    mailer.send(&letter()).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path().join("outbox")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1, "a repeated try writes the same file");
    assert_eq!(files[0].file_name(), "20260501T093000Z-0197-1.eml");
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    for part in ["To: mika@example.jp", "Reply-To: hello@example.com", "multipart/alternative", "text/html"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.is_ascii());
}

#[tokio::test]
async fn nothing_from_outside_can_add_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::new(None, folder.path()).unwrap();
    let bad = [
        Letter { subject: "Hi\r\nBcc: everybody@example.com".into(), ..letter() },
        Letter { from_name: "Shop\nX-Evil: 1".into(), ..letter() },
        Letter { to: "a@b.c\r\nBcc: x@y.z".into(), ..letter() },
        Letter { to: "a@b.c, x@y.z".into(), ..letter() },
        Letter { reply_to: Some("a@b.c>\nX: y".into()), ..letter() },
        Letter { message_id: "a>\r\nX: y@b".into(), ..letter() },
    ];
    for letter in bad {
        let trouble = mailer.send(&letter).await.unwrap_err();
        assert_eq!((trouble.outcome, trouble.reason), (Outcome::Refused, Reason::Malformed), "{letter:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
