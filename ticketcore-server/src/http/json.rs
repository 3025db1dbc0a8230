//! Reading JSON bodies.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::call::Call;
use super::code::Code;
use super::problem::Problem;
use super::strict;

/// Reads the body of a request as JSON. An empty body is `{}`.
///
/// # Errors
/// [`Code::UnsupportedMediaType`], [`Code::PayloadTooLarge`], [`Code::Malformed`] if it is no JSON, [`Code::ValidationFailed`] with the place
/// of what does not fit.
pub async fn read_json<T: DeserializeOwned>(call: &mut Call, bytes_max: usize) -> Result<T, Problem> {
    let json = call
        .header(CONTENT_TYPE)
        .map(|kind| kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json"));
    let bytes = read_bytes(call, bytes_max).await?;
    match json {
        Some(true) => {}
        None if bytes.is_empty() => {}
        _ => return Err(Problem::new(Code::UnsupportedMediaType, "Send `application/json`")),
    }
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

/// Reads the body of a request.
///
/// # Errors
/// [`Code::PayloadTooLarge`], [`Code::Malformed`] if it breaks off, [`Code::RequestTimeout`] if it takes too long to arrive and
/// [`Code::Overloaded`] if there is no room for the request once it has: then nothing was done.
pub async fn read_bytes(call: &mut Call, bytes_max: usize) -> Result<Bytes, Problem> {
    let Some(body) = call.body.take() else { return Ok(Bytes::new()) };
    let whole = tokio::time::timeout(call.body_timeout, Limited::new(body, bytes_max).collect());
    // On the heap: else every handler that reads a body would be larger by far than what an allocator has at hand.
    let read = Box::pin(async move {
        let late = |_| Problem::new(Code::RequestTimeout, Code::RequestTimeout.title());
        match whole.await.map_err(late)? {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Problem::new(Code::PayloadTooLarge, format!("At most {bytes_max} bytes are read")))
            }
            Err(_) => Err(Problem::new(Code::Malformed, "The body breaks off")),
        }
    });
    call.place.while_coming(read).await
}

/// Parses JSON, strictly: what the type does not know is refused, and so is a list in place of an object.
///
/// # Errors
/// [`Code::Malformed`], [`Code::ValidationFailed`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Nearly everything fits; only what does not is read again, to say where.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    if let Ok(parsed) = strict::deserialize(&mut reader)
        && reader.end().is_ok()
    {
        return Ok(parsed);
    }
    let no_json = |error: serde_json::Error| Problem::new(Code::Malformed, format!("No JSON: {error}"));
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(no_json)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(strict::Strict(&mut reader)).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() { Problem::invalid(pointer, inner.to_string()) } else { no_json(inner) }
    })?;
    reader.end().map_err(no_json)?;
    Ok(parsed)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("/{index}")),
            Segment::Map { key } => text.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { variant } => text.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[expect(dead_code, reason = "only whether it parses matters")]
        list: Vec<u8>,
    }

    fn code(text: &[u8]) -> Code {
        parse::<Asked>(text).unwrap_err().code()
    }

    #[test]
    fn what_is_no_json_and_what_does_not_fit_are_told_apart() {
        for text in [&b""[..], b"{", b"nul", b"{\"list\":[1]} x", b"\xff", b"{\"list\":[\"\xff\"]}"] {
            assert_eq!(code(text), Code::Malformed, "{text:?}");
        }
        for text in
            ["[]", "{}", "{\"list\":[256]}", "{\"list\":1}", "{\"list\":[],\"more\":1}", "{\"list\":[1e400]}"]
        {
            let found = code(text.as_bytes());
            assert!(found == Code::ValidationFailed || text.contains("1e400"), "{text} {found:?}");
        }
        let deep = format!("{{\"list\":{}", "[".repeat(100_000));
        assert!([Code::Malformed, Code::ValidationFailed].contains(&code(deep.as_bytes())));
    }

    #[derive(Debug, Deserialize)]
    struct Deep {
        #[expect(dead_code, reason = "only whether it parses matters")]
        one: Option<Asked>,
        #[expect(dead_code, reason = "only whether it parses matters")]
        many: Vec<Asked>,
        #[expect(dead_code, reason = "only whether it parses matters")]
        named: std::collections::BTreeMap<String, Asked>,
        #[expect(dead_code, reason = "only whether it parses matters")]
        either: Either,
    }

    #[derive(Debug, Deserialize)]
    enum Either {
        #[expect(dead_code, reason = "only whether it parses matters")]
        Wrapped(Asked),
        #[expect(dead_code, reason = "only whether it parses matters")]
        Plain { list: Vec<u8> },
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        assert_eq!(code(b" \n[[1]]"), Code::ValidationFailed);
        assert_eq!(code(b"[[1]"), Code::Malformed);
        let deep = |one: &str, many: &str, named: &str, either: &str| {
            let named = format!("{{\"a\":{named}}}");
            let text = format!(r#"{{"one":{one},"many":[{many}],"named":{named},"either":{either}}}"#);
            parse::<Deep>(text.as_bytes()).map_err(|problem| format!("{problem:?}"))
        };
        let (object, list) = (r#"{"list":[1]}"#, "[[1]]");
        let (wrapped, plain) = (r#"{"Wrapped":{"list":[1]}}"#, r#"{"Plain":{"list":[1]}}"#);
        deep(object, object, object, wrapped).unwrap();
        deep("null", object, object, plain).unwrap();
        for (told, place) in [
            (deep(list, object, object, plain), "/one"),
            (deep(object, list, object, plain), "/many/0"),
            (deep(object, object, list, plain), "/named/a"),
            (deep(object, object, object, r#"{"Wrapped":[[1]]}"#), "/either/Wrapped"),
            (deep(object, object, object, r#"{"Plain":[[1]]}"#), "/either/Plain"),
        ] {
            let told = told.unwrap_err();
            assert!(told.contains("ValidationFailed") && told.contains(place), "{told}");
        }
    }

    #[test]
    fn the_place_of_what_does_not_fit_is_said() {
        let problem = parse::<Asked>(b"{\"list\":[1,-2]}").unwrap_err();
        assert!(format!("{problem:?}").contains("/list/1"), "{problem:?}");
    }
}
