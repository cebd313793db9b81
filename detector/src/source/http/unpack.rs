//! `Content-Encoding: gzip` and `zstd`, with the limit applied to what comes out: a small bomb must not become a large one.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::problem::Problem;

/// Largest window of a zstd frame, as a power of two: the 8 MiB that RFC 8878 asks of every decoder. A few bytes could
/// otherwise claim 128 MiB before anything comes out.
const WINDOW_LOG: u32 = 23;

/// The body as it was before it was packed, at most `limit` bytes of it.
pub(super) fn unpack<'a>(body: &'a [u8], encoding: Option<&str>, limit: usize) -> Result<Cow<'a, [u8]>, Problem> {
    match encoding.unwrap_or("identity").to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Cow::Borrowed(body)),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body), limit),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|_| broken())?;
            decoder.window_log_max(WINDOW_LOG).map_err(|_| broken())?;
            read(decoder, limit)
        }
        _ => Err(Problem::unsupported("set Content-Encoding to gzip or zstd, or send the events as they are")),
    }
}

fn broken() -> Problem {
    Problem::invalid("the compressed body is cut short or damaged; send it again")
}

fn read(packed: impl Read, limit: usize) -> Result<Cow<'static, [u8]>, Problem> {
    let mut body = Vec::new();
    packed.take(limit as u64 + 1).read_to_end(&mut body).map_err(|_| broken())?;
    if body.len() > limit { Err(Problem::too_large(limit)) } else { Ok(Cow::Owned(body)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn packed_bodies_come_out_as_they_went_in() {
        let body = b"some events".repeat(100);
        let zstd = zstd::encode_all(&body[..], 1).expect("memory");
        assert_eq!(unpack(&gzip(&body), Some("GZip"), body.len()).as_deref(), Ok(&body[..]));
        assert_eq!(unpack(&zstd, Some("zstd"), body.len()).as_deref(), Ok(&body[..]));
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_too_large() {
        assert_eq!(unpack(&gzip(&[b' '; 1001]), Some("gzip"), 1000), Err(Problem::too_large(1000)));
    }

    #[test]
    fn a_frame_that_claims_a_huge_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.window_log(WINDOW_LOG + 1).expect("a window");
        encoder.write_all(b"some events").expect("memory");
        // Flushed before its end, so that the frame does not know how small it is.
        encoder.flush().expect("memory");
        assert_eq!(unpack(&encoder.finish().expect("memory"), Some("zstd"), 1000), Err(broken()));
    }

    #[test]
    fn a_body_cut_short_is_refused() {
        let packed = gzip(b"some events");
        assert_eq!(unpack(&packed[..packed.len() - 9], Some("gzip"), 1000), Err(broken()));
    }
}
