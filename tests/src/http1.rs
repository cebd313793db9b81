//! As much of an HTTP/1.1 server as the stories need: one request per connection, and full control over the answer.
//!
//! By hand rather than with axum, because the interesting answers are the bad ones (none, half of one, a closed
//! connection), and because stopping must close every connection at once, as a crash would.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Longest request that is read.
const LONGEST: usize = 8 * 1024 * 1024;

/// One request, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// Header values by lower-case name, repeated ones joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

/// A listening server; dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on `address` (port 0 takes a free one) and hands each connection, with its request read, to `handle`.
    pub async fn start<F>(
        address: SocketAddr,
        handle: impl Fn(Request, TcpStream) -> F + Send + Sync + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on `{address}`"))?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, handle));
        Ok(Self { address, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and every connection, and returns when that is done.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The only error is that of the abort.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connections live in the future of this function, so that aborting it closes them.
async fn accept<F>(listener: TcpListener, handle: impl Fn(Request, TcpStream) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let handle = Arc::new(handle);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut stream, _)) = accepted else { continue };
                let handle = Arc::clone(&handle);
                // A client that goes away in the middle, or connects and never asks, is not this server's trouble.
                connections.spawn(async move { handle(read(&mut stream).await?, stream).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn read(stream: &mut TcpStream) -> Result<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes).await?;
    };
    let mut body = bytes.split_off(head + 4);
    let (method, path, headers) = parse_head(std::str::from_utf8(&bytes)?).context("not an HTTP/1.1 request")?;
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse::<usize>())?;
    ensure!(!headers.contains_key("transfer-encoding"), "bodies of unknown length are not read here");
    while body.len() < length {
        more(stream, &mut body).await?;
    }
    ensure!(body.len() == length, "bytes after the body");
    Ok(Request { method, path, headers, body })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    ensure!(bytes.len() < LONGEST, "a request longer than {LONGEST} bytes");
    ensure!(stream.read_buf(bytes).await? > 0, "the connection was closed in the middle of a request");
    Ok(())
}

fn parse_head(head: &str) -> Option<(String, String, BTreeMap<String, String>)> {
    let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::<String, String>::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    Some((method.to_owned(), path.to_owned(), headers))
}

/// Sends a whole answer and closes the connection.
pub async fn answer(mut stream: TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
    let mut head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        writeln!(head, "{name}: {value}\r")?;
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    Ok(stream.shutdown().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_arrives_whole_and_its_answer_too() {
        let server = Server::start(([127, 0, 0, 1], 0).into(), async |request: Request, stream| {
            let echo = format!("{} {} {}", request.method, request.path, request.body.len());
            answer(stream, 201, &[("x-echo", &echo)], &request.body).await
        });
        let server = server.await.unwrap();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let body = "x".repeat(100_000);
        let head = format!("POST /a?b=c HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer:.80}");
        assert!(answer.contains("x-echo: POST /a?b=c 100000\r\n"), "{answer:.200}");
        assert!(answer.ends_with(&body));
    }

    #[tokio::test]
    async fn stopping_closes_every_connection() {
        let server = Server::start(([127, 0, 0, 1], 0).into(), async |_, _| std::future::pending::<Result<()>>().await);
        let server = server.await.unwrap();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let address = server.address();
        server.stop().await;
        let mut rest = Vec::new();
        // Closed or reset: either way the read ends, and without an answer.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        assert!(TcpStream::connect(address).await.is_err());
    }
}
