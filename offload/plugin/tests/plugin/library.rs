//! What is no plugin for us, and why.

use crate::fixture::{example, faulty};
use interlude_plugin::{Library, Queue, Unusable};

fn line(path: &str) -> String {
    match Library::load(path) {
        Ok(_) => panic!("{path} was loaded"),
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_plugin_says_what_it_is() {
    let library = Library::load(&example()).unwrap();
    assert_eq!((library.name(), library.version(), library.queue()), ("zlib", "1", 256));
    // What cannot be printed is not.
    assert_eq!(Library::load(&faulty("NONE")).unwrap().version(), "0?");
}

#[test]
fn what_cannot_be_loaded_is_named_with_its_reason() {
    let missing = line("/no/such/plugin.so");
    assert!(
        missing.contains("/no/such/plugin.so") && missing.contains("No such file"),
        "{missing}"
    );
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "no shared object").unwrap();
    assert!(line(text.path().to_str().unwrap()).starts_with("the plugin cannot be loaded: "));
    assert!(line("a\0b").contains("zero byte"));
}

#[test]
fn what_does_not_speak_our_version_is_left_alone() {
    let other = faulty("OTHER_VERSION");
    let library = Library::load(&other);
    assert_eq!(library.err(), Some(Unusable::Version(other.clone(), Some(2))));
    assert_eq!(line(&other), format!("{other} speaks another version of the interface than 1: 2"));
    let none = faulty("NO_VERSION");
    assert_eq!(Library::load(&none).err(), Some(Unusable::Version(none, None)));
}

#[test]
fn what_lacks_a_function_is_no_plugin() {
    let none = faulty("NO_ENTRY");
    assert_eq!(Library::load(&none).err(), Some(Unusable::NoEntry(none)));
    let part = faulty("NO_OPEN");
    assert_eq!(Library::load(&part).err(), Some(Unusable::Incomplete(part, "open")));
}

#[test]
fn a_queue_that_does_not_open_gives_its_error() {
    let path = faulty("OPEN_FAILS");
    let library = Library::load(&path).unwrap();
    let why = Queue::open(&library, "").err();
    assert_eq!(why, Some(Unusable::NotOpened(path, libc::ENODEV)));
    let library = Library::load(&example()).unwrap();
    for (arguments, opens) in [("", true), ("level=9", true), ("level=0", false), ("x", false)] {
        assert_eq!(Queue::open(&library, arguments).is_ok(), opens, "{arguments}");
    }
}
