//! A server for the server to ask: it behaves as told, and remembers what it was asked.

use super::*;
use std::net::SocketAddr;
use tokio::task::JoinHandle;

/// What an upstream does with queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Says nothing.
    Silent,
    /// Answers with this code and, if it is NOERROR, one record.
    Answers(Rcode),
    /// First sends answers under a wrong id and to a wrong question, then the right one.
    Forges,
    /// Sends answers under a wrong id only, many of them.
    Floods,
    /// By UDP only the beginning, with TC set; by TCP an answer.
    Cuts,
    /// By UDP more than anybody may send; by TCP an answer.
    Swamps,
}

/// From where and what somebody was asked.
type Asked = Arc<Mutex<Vec<(SocketAddr, Vec<u8>)>>>;

/// An upstream on a port of the loopback, by UDP and TCP.
pub(super) struct FakeUpstream {
    pub(super) address: SocketAddr,
    asked: Asked,
    tasks: [JoinHandle<()>; 2],
}

impl FakeUpstream {
    pub(super) async fn start(behaviour: Behaviour) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            // The same port may be taken by somebody else's UDP socket.
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let asked = Asked::default();
        let tasks = [tokio::spawn(by_udp(udp, behaviour, asked.clone())), tokio::spawn(by_tcp(tcp, behaviour, asked.clone()))];
        Self { address, asked, tasks }
    }

    /// From where and what it was asked so far.
    pub(super) fn asked(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn by_udp(socket: UdpSocket, behaviour: Behaviour, asked: Asked) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
        asked.lock().unwrap().push((from, buffer[..len].to_vec()));
        for answer in answers(&buffer[..len], behaviour) {
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

async fn by_tcp(listener: TcpListener, behaviour: Behaviour, asked: Asked) {
    loop {
        let (mut stream, from) = listener.accept().await.unwrap();
        let query = read(&mut stream).await;
        asked.lock().unwrap().push((from, query.clone()));
        if behaviour != Behaviour::Silent {
            write(&mut stream, &answer(&query, Rcode::NOERROR, 0)).await;
        }
    }
}

fn answers(query: &[u8], behaviour: Behaviour) -> Vec<Vec<u8>> {
    let right = |rcode| answer(query, rcode, 0);
    let mut wrong_id = right(Rcode::NOERROR);
    wrong_id[0] ^= 0xff;
    match behaviour {
        Behaviour::Silent => vec![],
        Behaviour::Answers(rcode) => vec![right(rcode)],
        Behaviour::Forges => {
            let mut wrong_question = right(Rcode::NOERROR);
            wrong_question[13] ^= 0x01;
            vec![wrong_id, wrong_question, b"x".to_vec(), right(Rcode::NOERROR)]
        }
        Behaviour::Floods => vec![wrong_id; 40],
        Behaviour::Cuts => {
            let mut cut = right(Rcode::NXDOMAIN);
            cut[2] |= 0x02;
            cut[3] &= 0xf0;
            vec![cut]
        }
        Behaviour::Swamps => vec![answer(query, Rcode::NOERROR, 9000)],
    }
}

/// An answer with one record for NOERROR, padded to more than `padding` bytes.
fn answer(query: &[u8], rcode: Rcode, padding: usize) -> Vec<u8> {
    let query = Message::from_octets(query).unwrap();
    let mut message = MessageBuilder::new_vec().start_answer(&query, rcode).unwrap();
    let owner = query.sole_question().unwrap().into_qname();
    if rcode == Rcode::NOERROR {
        let records = 1 + padding / 16;
        for _ in 0..records {
            message.push((&owner, 60, domain::rdata::A::from_octets(192, 0, 2, 80))).unwrap();
        }
    }
    message.finish()
}
