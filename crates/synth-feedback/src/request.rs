//! The body of one question: the image first, then the text, so that a server can reuse what it computed for the image.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The form of a request, with its version: part of an answer's name in the store.
pub const TEMPLATE: &str = "image-text/1";

/// The body of every question about one image, but for the text and what is wanted of the answer.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    before_text: Bytes,
}

impl ImageRequest {
    /// The request about an image's bytes, or `None` if they are in no format that servers take.
    pub fn new(model: &str, image: &[u8]) -> Option<Self> {
        let mime = mime_of(image)?;
        let model = json_string(model);
        let mut body = format!(
            "{{\"model\":{model},\"messages\":[{{\"role\":\"user\",\"content\":[{{\
             \"type\":\"image_url\",\"image_url\":{{\"url\":\"data:{mime};base64,"
        );
        body.reserve(image.len().div_ceil(3) * 4 + 64);
        BASE64_STANDARD.encode_string(image, &mut body);
        body.push_str("\"}},{\"type\":\"text\",\"text\":");
        Some(Self { before_text: body.into() })
    }

    /// The whole body of one request for one question, which shares the image's bytes with all others; `tail` is what is
    /// wanted of the answer, to the closing brace: one of [`Readout::tails`](crate::readout::Readout).
    pub fn body(&self, text: &str, tail: &str) -> QuestionBody {
        let mut rest = json_string(text);
        rest.push_str("}]}],");
        rest.push_str(tail);
        QuestionBody { chunks: [self.before_text.clone(), rest.into()], n_sent: 0 }
    }
}

/// The body of one request, in pieces that need not be put together: of known length, and cheap to clone for a retry.
#[derive(Debug, Clone)]
pub struct QuestionBody {
    chunks: [Bytes; 2],
    n_sent: usize,
}

impl QuestionBody {
    /// All of it in one piece.
    pub(crate) fn concat(&self) -> Bytes {
        self.chunks.concat().into()
    }
}

#[cfg(test)]
impl From<&'static str> for QuestionBody {
    fn from(whole: &'static str) -> Self {
        Self { chunks: [whole.into(), Bytes::new()], n_sent: 0 }
    }
}

impl Body for QuestionBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let at = self.n_sent;
        self.n_sent += 1;
        let chunk = self.chunks.get_mut(at).map(std::mem::take).filter(|chunk| !chunk.is_empty());
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The MIME type by the file's first bytes: names lie, and servers look.
fn mime_of(image: &[u8]) -> Option<&'static str> {
    match image {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some("image/bmp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// All pieces of a body, as a connection takes them.
    fn whole(mut body: QuestionBody) -> Vec<u8> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut bytes = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            assert!(!body.is_end_stream() || body.size_hint().exact() == Some(0));
            bytes.extend_from_slice(frame.data_ref().unwrap());
        }
        assert!(body.is_end_stream());
        bytes
    }

    #[test]
    fn the_questions_about_an_image_share_its_bytes() {
        let request = ImageRequest::new("m", b"\x89PNG\r\n\x1a\n").unwrap();
        let (one, other) = (request.body("one", "}"), request.body("other", "}"));
        assert_eq!(one.chunks[0].as_ptr(), other.chunks[0].as_ptr());
        assert_eq!(one.clone().chunks[0].as_ptr(), one.chunks[0].as_ptr());
    }

    #[test]
    fn the_image_comes_first_and_any_text_survives() {
        let image = b"\x89PNG\r\n\x1a\n and the rest";
        for text in ["is there a dog?", "say \"no\"\n\\ {port} \u{1f436}", ""] {
            let body = ImageRequest::new("org/model \"x\"", image)
                .unwrap()
                .body(text, &crate::readout::Readout::top_logprobs().tails()[0]);
            assert_eq!(body.size_hint().exact(), Some(whole(body.clone()).len() as u64));
            let parsed: serde_json::Value = serde_json::from_slice(&whole(body)).unwrap();
            let url = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(image));
            let content =
                json!([{ "type": "image_url", "image_url": { "url": url } }, { "type": "text", "text": text }]);
            let expected = json!({
                "model": "org/model \"x\"", "max_tokens": 1, "temperature": 0, "logprobs": true, "top_logprobs": 20,
                "messages": [{ "role": "user", "content": content }],
            });
            assert_eq!(parsed, expected);
        }
    }

    #[test]
    fn the_type_is_read_from_the_bytes() {
        let check = |bytes: &[u8], mime| assert_eq!(mime_of(bytes), mime, "{bytes:?}");
        check(b"\x89PNG\r\n\x1a\n", Some("image/png"));
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg"));
        check(b"GIF89a", Some("image/gif"));
        check(b"GIF87a", Some("image/gif"));
        check(b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp"));
        check(b"BM\x01\x02\x03\x04\0\0\0\0", Some("image/bmp"));
        for other in [b"".as_slice(), b"<html>", b"RIFF\x01\x02\x03\x04WAVE", b"\x89PNG", b"%PDF-1.7", b"GIF88a"] {
            check(other, None);
        }
    }
}
