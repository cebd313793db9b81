//! The beginning of a stream, looked at and put back.

use std::io::{self, Cursor, Read};

/// What a format is told from.
const HEAD_BYTES: usize = 64 * 1024;

/// The beginning of a stream, and what went wrong while it was read.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    error: Option<io::Error>,
}

impl Head {
    /// Reads until the first bytes are likely to tell the format, without waiting for more than a pipe has.
    pub(super) fn of(input: &mut Box<dyn Read + Send>) -> Self {
        let mut head = Self { bytes: Vec::new(), error: None };
        let mut chunk = vec![0; 8 * 1024];
        while head.bytes.len() < HEAD_BYTES {
            match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => head.bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    head.error = Some(error);
                    break;
                }
            }
            let is_json = matches!(head.bytes.trim_ascii_start().first(), Some(b'{' | b'['));
            let end: &[u8] = if is_json { b"}\n" } else { b"\n" };
            if head.bytes.windows(end.len()).any(|window| window == end) {
                break;
            }
        }
        head
    }

    /// The stream as it was before the head was taken off.
    pub(super) fn before(self, rest: impl Read + Send + 'static) -> impl Read + Send + 'static {
        Cursor::new(self.bytes).chain(Failing(self.error)).chain(rest)
    }
}

/// Fails once, if there is something to fail with.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte at a time, then an error.
    struct Cut(Vec<u8>);

    impl Read for Cut {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(byte) = (!self.0.is_empty()).then(|| self.0.remove(0)) else {
                return Err(io::Error::other("cut"));
            };
            buffer[0] = byte;
            Ok(1)
        }
    }

    #[test]
    fn what_was_looked_at_is_read_again_and_errors_keep_their_place() {
        let mut input: Box<dyn Read + Send> = Box::new(Cut(b"{\"a\":1".to_vec()));
        let mut again = Head::of(&mut input).before(input);
        let mut read = Vec::new();
        assert_eq!(again.read_to_end(&mut read).unwrap_err().to_string(), "cut");
        assert_eq!(read, b"{\"a\":1");
    }

    #[test]
    fn no_more_is_waited_for_than_the_first_record() {
        let mut input: Box<dyn Read + Send> = Box::new(Cut(b"{\"a\":1}\n{".to_vec()));
        assert_eq!(Head::of(&mut input).bytes, b"{\"a\":1}\n");
    }
}
