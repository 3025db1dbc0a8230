//! [`Assets`]: files of a page, embedded: they belong together and talk to nobody else.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest, Sha256};

use crate::http::{Answer, Call, Outcome, Problem, not_modified};

/// Nothing but what is in this program, and no talking to anybody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of a page.
pub(super) struct Asset {
    pub name: &'static str,
    pub kind: &'static str,
    pub bytes: &'static [u8],
}

/// Embeds a file of the folder `page`, known by the last part of its name.
macro_rules! asset {
    ($folder:literal $name:literal $kind:literal) => {
        $crate::api::assets::Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../page/", $folder, $name)),
        }
    };
}
pub(super) use asset;

/// The files of one page; the first is the page itself.
pub(super) struct Assets {
    files: &'static [Asset],
    /// The same for every file: they belong together.
    tag: LazyLock<HeaderValue, Box<dyn FnOnce() -> HeaderValue + Send>>,
}

impl Assets {
    /// The files of a page.
    pub fn new(files: &'static [Asset]) -> Self {
        Self { files, tag: LazyLock::new(Box::new(|| tag(files))) }
    }

    /// The page itself.
    pub fn index(&self, call: &Call) -> Outcome {
        self.show(call, self.files.first())
    }

    /// What the page is made of.
    pub fn file(&self, call: &Call, name: &str) -> Outcome {
        self.show(call, self.files.iter().skip(1).find(|file| file.name == name))
    }

    fn show(&self, call: &Call, file: Option<&Asset>) -> Outcome {
        let file = file.ok_or_else(|| Problem::not_found("file"))?;
        if call.headers.get(IF_NONE_MATCH) == Some(&*self.tag) {
            return Ok(not_modified(self.tag.clone(), HeaderValue::from_static("no-cache")));
        }
        let mut answer = Answer::bytes(file.kind, Bytes::from_static(file.bytes)).done()?;
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(answer)
    }
}

fn tag(files: &[Asset]) -> HeaderValue {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.bytes);
    }
    let digest = hash.finalize();
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..12]));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"page\""))
}
