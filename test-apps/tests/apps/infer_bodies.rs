//! What the inference server takes and answers: raw numbers and JSON, and what is neither.

use crate::app::{coroutine, preload};
use crate::infer::{file, is_there, open};
use interlude_test_apps::crowd::Connection;
use interlude_test_apps::{ModelKind, Preload, Scores, TinyModel, inference};

fn ask(connection: &mut Connection, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let length = body.len();
    let head = format!(
        "POST /infer HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    connection.send(&[head.as_bytes(), body].concat()).unwrap();
    let answer = connection.receive().unwrap();
    (answer.status, answer.body.to_vec())
}

const JSON: &str = "Content-Type: application/json\r\n";
const RAW: &str = "Accept: application/octet-stream\r\n";

#[test]
fn numbers_come_and_go_as_json_or_raw() {
    if !is_there() {
        return;
    }
    let model = file(TinyModel::Rows);
    let body = ModelKind::Tiny.body(3);
    let numbers: Vec<f32> =
        body.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    let onnx = coroutine(&[("INTERLUDE_ENGINE", "onnx")]);
    for preload in [Preload::Stock, preload("coroutine"), onnx] {
        let server = inference::start(ModelKind::Tiny, model.path(), &preload, &[]).unwrap();
        let mut connection = open(server.port());
        let (status, raw) = ask(&mut connection, RAW, &body);
        assert_eq!(status, 200);
        let raw = Scores::parse(&raw).unwrap();
        let array = serde_json::to_string(&numbers).unwrap();
        for text in [format!("{{\"input\": {array}}}"), format!(" \n{array}\t")] {
            let (status, answer) = ask(&mut connection, &[JSON, RAW].concat(), text.as_bytes());
            assert_eq!((status, Scores::parse(&answer).unwrap().scores), (200, raw.scores.clone()));
        }
        let (status, text) = ask(&mut connection, "", &body);
        let answer: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((status, &answer["sequence"]), (200, &serde_json::json!(4)));
        let scores = answer["scores"].as_array().unwrap().iter().filter_map(|score| score.as_f64());
        let pairs: Vec<_> = scores.zip(&raw.scores).collect();
        assert_eq!(pairs.len(), raw.scores.len());
        assert!(
            pairs.iter().all(|(text, raw)| (text - f64::from(**raw)).abs() < 1e-6),
            "{pairs:?}"
        );
        server.stop().unwrap();
    }
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_is_answered() {
    if !is_there() {
        return;
    }
    let model = file(TinyModel::Rows);
    let preload = preload("coroutine");
    let server = inference::start(ModelKind::Tiny, model.path(), &preload, &[]).unwrap();
    let mut connection = open(server.port());
    let malformed: [&[u8]; 22] = [
        b"",
        b"{",
        b"[",
        b"[]",
        b"[1",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1] x",
        b"{\"input\"}",
        b"{\"input\": 1}",
        b"{\"input\": [1]",
        b"{\"output\": [1]}",
        b"[01]",
        b"[+1]",
        b"[1.]",
        b"[.5]",
        b"[1e]",
        b"[nan]",
        b"[1e39]",
        b"[\"1\"]",
        b"[1\0]",
    ];
    for body in malformed {
        let (status, why) = ask(&mut connection, JSON, body);
        let (body, why) = (String::from_utf8_lossy(body), String::from_utf8_lossy(&why));
        assert_eq!(status, 400, "{body}: {why}");
        assert!(why.starts_with("the body is not {\"input\": [numbers]}"), "{body}: {why}");
    }
    // No more than it has room for; and no whole number of them.
    let many = format!("[{}1]", "1,".repeat(4096));
    assert_eq!(ask(&mut connection, JSON, many.as_bytes()).0, 400);
    assert_eq!(ask(&mut connection, "", b"123").0, 400);
    let (status, answer) = ask(&mut connection, RAW, &ModelKind::Tiny.body(1));
    assert_eq!((status, Scores::parse(&answer).unwrap().sequence), (200, 1));
    server.stop().unwrap();
}
