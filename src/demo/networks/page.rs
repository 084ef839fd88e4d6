//! A page that the host serves over HTTP (RFC 9112), once, and a sandbox fetches.

use super::super::stage::PATIENCE;
use super::super::stop;
use crate::exec::{self, Place};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Where web servers listen.
const PORT: u16 = 80;

/// The most that is read of a request or an answer.
const MOST: u64 = 64 << 10;

/// Serves a page at the host's address `at`, and has the sandbox `from` fetch it from a host called `name`; the host has to see that
/// `asks` asks. Answers how many bytes the page has.
///
/// # Errors
/// If it did not arrive as it was served.
pub(super) fn fetch(from: &Place, name: &str, at: Ipv4Addr, asks: Ipv4Addr) -> Result<usize, String> {
    let listener = TcpListener::bind((at, PORT)).map_err(|error| format!("listening on {at}:{PORT}: {error}"))?;
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let over = AtomicBool::new(false);
    let (served, fetched) = thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, &over));
        let fetched = exec::inside(from, |_| {}, || get(name)).map_err(|error| error.to_string()).and_then(|page| page);
        over.store(true, Ordering::Relaxed);
        (server.join().unwrap_or_else(|_| Err("its thread panicked".to_owned())), fetched)
    });
    let answer = fetched.map_err(|why| format!("fetching http://{name}/: {why}"))?;
    served.map_err(|why| format!("serving it: {why}"))?;
    let expected = page(asks.into());
    match body(&answer) {
        Some(body) if body == expected.as_bytes() => Ok(body.len()),
        _ => Err(format!("the page is not as it was served to {asks}: {}", String::from_utf8_lossy(&answer))),
    }
}

/// The page for whoever asks.
fn page(asks: IpAddr) -> String {
    format!("<!doctype html>\n<title>Lanloom</title>\n<p>Hello {asks}, this is the host.</p>\n")
}

/// Answers one request, unless it is over before one comes.
fn serve(listener: &TcpListener, over: &AtomicBool) -> Result<(), String> {
    let come = stop::wait_for(PATIENCE, || match listener.accept() {
        Ok(come) => Some(Ok(come)),
        Err(error) if error.kind() == ErrorKind::WouldBlock && !over.load(Ordering::Relaxed) => None,
        Err(error) => Some(Err(error.to_string())),
    });
    let (mut stream, peer) = come.unwrap_or_else(|| Err("nobody asked".to_owned()))?;
    let answer = |stream: &mut TcpStream| {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        read_head(stream)?;
        let page = page(peer.ip());
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            page.len()
        );
        stream.write_all(format!("{head}{page}").as_bytes())
    };
    answer(&mut stream).map_err(|error| error.to_string())
}

/// Reads up to the empty line that ends a request without a body.
fn read_head(stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream.take(MOST)).lines() {
        if line?.is_empty() {
            return Ok(());
        }
    }
    Err(ErrorKind::UnexpectedEof.into())
}

/// Asks for `/` from where the thread is: the whole answer.
fn get(name: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let address = (name, PORT).to_socket_addrs().map_err(failed)?.find(SocketAddr::is_ipv4);
    let address = address.ok_or_else(|| format!("{name} has no IPv4 address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).map_err(failed)?;
    Ok(answer)
}

/// The body of an answer that says that all is well.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let rest = answer.strip_prefix(b"HTTP/1.1 200 ")?;
    let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    rest.get(end + 4..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_says_so_has_a_page() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), Some(&b"hi"[..]));
        assert_eq!(body(b"HTTP/1.1 404 Not Found\r\n\r\nhi"), None);
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nhi"), None);
    }

    #[test]
    fn a_page_says_who_asked_for_it() {
        assert!(page([10, 2, 0, 2].into()).contains("Hello 10.2.0.2,"));
    }
}
