//! The body of one question: the image first, then the text, so that a server can reuse what it computed for the image.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

/// The body of every question about one image, but for the text and what is wanted of the answer
/// ([`Readout`](crate::readout::Readout)).
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
        BASE64_STANDARD.encode_string(image, &mut body);
        body.push_str("\"}},{\"type\":\"text\",\"text\":");
        Some(Self { before_text: body.into() })
    }

    /// The whole body of one request for one question; `tail` is one of [`tails`](crate::readout::Readout::tails).
    pub fn body(&self, text: &str, tail: &str) -> Bytes {
        let text = json_string(text);
        [&self.before_text, text.as_bytes(), b"}]}],", tail.as_bytes()].concat().into()
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
    use crate::readout::Readout;

    #[test]
    fn the_image_comes_first_and_any_text_survives() {
        let image = b"\x89PNG\r\n\x1a\n and the rest";
        for text in ["is there a dog?", "say \"no\"\n\\ {port} \u{1f436}", ""] {
            let body =
                ImageRequest::new("org/model \"x\"", image).unwrap().body(text, &Readout::top_logprobs().tails()[0]);
            let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
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
