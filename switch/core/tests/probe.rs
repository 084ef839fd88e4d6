//! What probes of an overlay's peers promise, a sentence a test, in virtual time.

mod probing;

use lanloom_switch_core::vxlan::Vni;
use lanloom_switch_core::vxlan::probe::{Answers, ETHERTYPE, Handled, Loss, PathMtu, ProbeConfig, Prober, pace};
use lanloom_switch_core::{Frame, MacAddr};
use probing::*;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// The frame that a prober sends first.
fn first_ask(prober: &mut Prober, now: lanloom_switch_core::Instant) -> Vec<u8> {
    let mut frame = Vec::new();
    prober.poll_transmit(now, &mut frame).expect("a new peer is asked at once");
    frame
}

#[test]
fn a_peer_that_is_well_shows_when_it_was_heard_its_round_trip_no_loss_and_the_whole_mtu() {
    let mut world = World::new();
    world.run_secs(60);
    let health = world.health();
    assert_eq!(health.answers, Answers::Yes);
    assert!(health.last_heard.is_some_and(|heard| heard < pace::STEADY));
    let round_trip = health.round_trip.expect("answered");
    assert_eq!((round_trip.last, round_trip.smoothed), (4 * MS, 4 * MS));
    assert_eq!(health.loss.lost, 0);
    assert!(health.loss.asked > 10);
    assert_eq!(health.path_mtu, PathMtu::AtLeast(MTU));
}

#[test]
fn probes_go_where_no_bridge_relays_them_and_come_from_a_local_address() {
    let mut world = World::new();
    let bytes = first_ask(&mut world.a, world.now);
    let frame = Frame::new(&bytes).expect("a frame");
    assert_eq!(frame.destination().reserved(), Some(0x0e));
    assert!(frame.source().is_valid_source() && frame.source().0[0] & 2 != 0, "{}", frame.source());
    assert_eq!((frame.ethertype(), bytes.len()), (ETHERTYPE, 60));
}

#[test]
fn peers_that_are_well_are_asked_every_five_seconds_and_the_mtu_is_checked_every_thirty() {
    let mut world = World::new();
    world.run_secs(60);
    let since = world.now;
    world.run_secs(600);
    let large = world.sent.iter().filter(|sent| sent.at >= since && sent.payload == MTU).count();
    assert_eq!(large, 20);
    let asks = world.a.counters();
    assert!((120..=141).contains(&(world.sent_since(since) - large)), "{}", world.sent_since(since));
    assert_eq!((asks.unasked, asks.malformed, asks.strangers, asks.unanswered), (0, 0, 0, 0));
}

#[test]
fn after_a_loss_asks_are_a_second_apart_for_a_while() {
    let mut world = World::new();
    world.run_secs(60);
    world.path.delay = None;
    world.run_secs(6);
    world.path.delay = Some(MS);
    let since = world.now;
    world.run_secs(8);
    assert!(world.sent_since(since) >= 7, "{}", world.sent_since(since));
    world.run_secs(60);
    let since = world.now;
    world.run_secs(30);
    assert!(world.sent_since(since) <= 10, "{}", world.sent_since(since));
    assert_eq!(world.health().answers, Answers::Yes);
}

#[test]
fn loss_is_that_of_the_last_asks() {
    let mut world = World::new();
    world.path.loses = Some(4);
    world.run_secs(300);
    let Loss { lost, asked } = world.health().loss;
    assert_eq!((lost, asked), (16, 64), "every fourth is lost");
    world.path.loses = None;
    world.run_secs(400);
    assert_eq!(world.health().loss, Loss { lost: 0, asked: 64 });
}

#[test]
fn a_peer_that_answers_no_more_is_gone_within_ten_seconds_and_then_asked_four_times_a_minute() {
    let mut world = World::new();
    world.run_secs(60);
    world.path.delay = None;
    world.run_secs(10);
    assert_eq!(world.health().answers, Answers::NoLonger);
    world.run_secs(60);
    let since = world.now;
    world.run_secs(60);
    assert_eq!(world.sent_since(since), 4);
    assert!(world.health().last_heard.is_some_and(|heard| heard > Duration::from_secs(120)));
}

#[test]
fn a_peer_that_comes_back_is_known_within_fifteen_seconds() {
    let mut world = World::new();
    world.run_secs(60);
    world.path.delay = None;
    world.run_secs(600);
    world.path.delay = Some(MS);
    world.run_secs(15);
    assert_eq!(world.health().answers, Answers::Yes);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(MTU));
}

#[test]
fn a_peer_that_is_gone_and_heard_again_is_asked_at_once() {
    let mut world = World::new();
    world.run_secs(60);
    let b = world.b.take();
    world.run_secs(601);
    (world.b, world.path.delay) = (b, Some(MS));
    world.a.note_heard(world.now, B);
    world.run(10 * MS);
    assert_eq!(world.health().answers, Answers::Yes);
}

#[test]
fn a_peer_that_never_answers_is_asked_once_a_minute_and_what_it_sends_is_heard() {
    let mut world = World::new();
    world.b = None;
    world.run_secs(120);
    let since = world.now;
    for _ in 0..600 {
        world.a.note_heard(world.now, B);
        world.run_secs(1);
    }
    assert_eq!(world.sent_since(since), 10);
    let health = world.health();
    assert_eq!((health.answers, health.round_trip, health.path_mtu), (Answers::Never, None, PathMtu::Unknown));
    assert_eq!(health.last_heard, Some(Duration::from_secs(1)));
}

#[test]
fn a_peer_that_never_answered_is_asked_at_once_when_it_asks() {
    let mut world = World::new();
    let b = world.b.take();
    world.run_secs(300);
    world.b = b;
    world.run(10 * MS);
    assert_eq!(world.health().answers, Answers::Yes);
}

#[test]
fn the_largest_size_that_passes_is_found_to_the_byte() {
    for path_mtu in [1449, 1450, 1400, 1281, 1280, 1279, 577, 576, 575, 100, 47, 46] {
        let mut world = World::new();
        world.path.mtu[0] = path_mtu;
        world.run_secs(60);
        let expected = if path_mtu == MTU { PathMtu::AtLeast(MTU) } else { PathMtu::Is(path_mtu) };
        assert_eq!(world.health().path_mtu, expected);
        assert_eq!(world.health().loss.lost, 0, "sizes that are tried are no loss");
    }
}

#[test]
fn only_the_way_to_the_peer_counts_for_the_path_mtu() {
    let mut world = World::new();
    world.path.mtu[1] = 1300;
    world.run_secs(60);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(MTU));
    let back = world.b.as_ref().and_then(|b| b.status(world.now, A)).expect("A is a peer");
    assert_eq!(back.path_mtu, PathMtu::Is(1300));
}

#[test]
fn a_search_says_between_what_the_path_mtu_is_meanwhile() {
    let mut world = World::new();
    world.path.mtu[0] = 1300;
    world.run(3100 * MS);
    let PathMtu::Between(passes, lost) = world.health().path_mtu else { panic!("{:?}", world.health().path_mtu) };
    assert!((46..=1300).contains(&passes) && (1301..=MTU).contains(&lost), "{passes} to {lost}");
}

#[test]
fn a_path_that_becomes_smaller_is_seen_within_a_minute_and_a_half() {
    let mut world = World::new();
    world.run_secs(60);
    world.path.mtu[0] = 1372;
    world.run_secs(90);
    assert_eq!(world.health().path_mtu, PathMtu::Is(1372));
    world.path.mtu[0] = 800;
    world.run_secs(120);
    assert_eq!(world.health().path_mtu, PathMtu::Is(800));
}

#[test]
fn a_path_that_becomes_larger_is_seen_within_a_minute_and_a_half() {
    let mut world = World::new();
    world.path.mtu[0] = 800;
    world.run_secs(60);
    world.path.mtu[0] = 1372;
    world.run_secs(90);
    assert_eq!(world.health().path_mtu, PathMtu::Is(1372));
    world.path.mtu[0] = MTU;
    world.run_secs(90);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(MTU));
}

#[test]
fn a_small_path_costs_few_frames_once_it_is_known() {
    let mut world = World::new();
    world.path.mtu[0] = 1300;
    world.run_secs(60);
    let since = world.now;
    world.run_secs(600);
    let large = world.sent.iter().filter(|sent| sent.at >= since && sent.payload > 1300).count();
    assert!((20..=40).contains(&large), "three in a minute: {large}");
}

#[test]
fn a_dead_path_is_no_small_path() {
    let mut world = World::new();
    world.run_secs(60);
    world.path.delay = None;
    world.run_secs(600);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(MTU));
    let large = world.sent.iter().filter(|sent| sent.payload == MTU).count();
    assert!(large <= 5, "nothing large is sent to who is gone: {large}");
}

#[test]
fn another_mtu_of_the_tunnel_is_searched_anew() {
    let mut world = World::new();
    world.run_secs(60);
    world.a.set_mtu(1400);
    assert_eq!(world.health().path_mtu, PathMtu::Unknown);
    world.run_secs(1);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(1400));
}

#[test]
fn answers_are_as_small_as_probes_can_be_whatever_size_asked() {
    let mut world = World::new();
    world.run_secs(60);
    assert!(world.sent.iter().any(|sent| sent.payload == MTU));
    let answers = world.b.as_ref().map(|b| b.counters().answers).expect("ours");
    assert!(answers > 10);
    let mut frame = first_ask(&mut world.a, world.now + pace::STEADY);
    let b = world.b.as_mut().expect("ours");
    let Handled::Answer(answer) = b.handle_frame(world.now, A, &frame) else { panic!("no answer") };
    assert_eq!((answer.len(), &answer[..18]), (60, &frame[..18]), "and it is a probe");
    frame.push(0);
    assert_eq!(b.handle_frame(world.now, A, &frame), Handled::Taken, "longer than it says it is");
    assert_eq!(b.counters().malformed, 1);
}

#[test]
fn who_is_no_peer_gets_no_answer() {
    let mut world = World::new();
    let ask = first_ask(&mut world.a, world.now);
    let b = world.b.as_mut().expect("ours");
    assert_eq!(b.handle_frame(world.now, "10.0.0.3".parse().expect("an address"), &ask), Handled::Taken);
    assert_eq!((b.counters().strangers, b.counters().answers), (1, 0));
    b.remove_peer(A);
    assert_eq!(b.handle_frame(world.now, A, &ask), Handled::Taken);
    assert_eq!((b.counters().strangers, b.status(world.now, A)), (2, None));
}

#[test]
fn a_peer_that_asks_too_often_gets_no_more_than_the_limit() {
    let mut world = World::new();
    let ask = first_ask(&mut world.a, world.now);
    let b = world.b.as_mut().expect("ours");
    let answered = (0..1000).filter(|_| matches!(b.handle_frame(world.now, A, &ask), Handled::Answer(_))).count();
    assert_eq!(answered, pace::ANSWERS.burst as usize);
    assert_eq!(b.counters().unanswered, 1000 - u64::from(pace::ANSWERS.burst));
    assert!(matches!(b.handle_frame(world.now + Duration::from_secs(1), A, &ask), Handled::Answer(_)));
}

#[test]
fn an_ask_of_another_vni_is_counted_and_not_answered() {
    let mut world = World::new();
    let mut other = Prober::new(ProbeConfig { vni: Vni::new(43).expect("small"), mtu: MTU }, 1);
    other.add_peer(B);
    let ask = first_ask(&mut other, world.now);
    let b = world.b.as_mut().expect("ours");
    assert_eq!(b.handle_frame(world.now, A, &ask), Handled::Taken);
    assert_eq!((b.counters().other_vni, b.counters().answers), (1, 0));
}

#[test]
fn an_answer_counts_once_in_time_for_what_was_asked_of_that_peer() {
    let mut world = World::new();
    let third = "10.0.0.3".parse().expect("an address");
    world.a.add_peer(third);
    let ask = first_ask(&mut world.a, world.now);
    let Handled::Answer(answer) = world.b.as_mut().expect("ours").handle_frame(world.now, A, &ask) else { panic!("no answer") };
    for at in [37, 45, 53] {
        let mut wrong = answer;
        wrong[at] ^= 1;
        assert_eq!(world.a.handle_frame(world.now, B, &wrong), Handled::Taken, "id, number or time");
    }
    assert_eq!(world.a.handle_frame(world.now, third, &answer), Handled::Taken);
    assert_eq!((world.a.counters().unasked, world.health().answers), (4, Answers::Never));
    world.a.handle_frame(world.now, B, &answer);
    assert_eq!((world.a.counters().answered, world.health().answers), (1, Answers::Yes));
    world.a.handle_frame(world.now, B, &answer);
    assert_eq!((world.a.counters().answered, world.a.counters().unasked), (1, 5), "a replay is no answer");
}

#[test]
fn an_answer_that_comes_too_late_is_a_loss_and_a_sign_of_life() {
    let mut world = World::new();
    world.path.delay = Some(Duration::from_millis(600));
    world.run_secs(20);
    let health = world.health();
    assert_eq!((health.answers, health.round_trip), (Answers::Never, None));
    assert!(health.loss.lost >= 4 && health.last_heard.is_some(), "{health:?}");
}

#[test]
fn other_frames_are_left_to_the_switch() {
    let mut world = World::new();
    let mut frame = first_ask(&mut world.a, world.now);
    frame[..6].copy_from_slice(&MacAddr::BROADCAST.0);
    let b = world.b.as_mut().expect("ours");
    assert_eq!(b.handle_frame(world.now, A, &frame), Handled::NotOurs);
    assert_eq!(b.handle_frame(world.now, A, &[]), Handled::NotOurs);
    assert_eq!(b.counters(), Default::default());
}

#[test]
fn without_peers_there_is_nothing_to_wait_for() {
    let mut alone = prober(1);
    assert_eq!(alone.poll_timeout(), None);
    alone.add_peer(B);
    assert_eq!((alone.poll_timeout(), alone.peers().collect::<Vec<_>>()), (Some(Default::default()), vec![B]));
    alone.remove_peer(B);
    assert_eq!((alone.poll_timeout(), alone.peers().count()), (None, 0));
}

#[test]
fn a_check_shows_within_a_round_trip_that_all_is_still_well() {
    let mut world = World::new();
    world.run_secs(62);
    world.a.check(world.now);
    assert!(world.health().checking);
    let since = world.now;
    world.run(10 * MS);
    assert!(!world.health().checking);
    assert_eq!(world.health().path_mtu, PathMtu::AtLeast(MTU));
    assert!(world.sent_since(since) <= 4, "{}", world.sent_since(since));
}

#[test]
fn a_check_shows_within_four_seconds_what_has_become_worse() {
    let mut world = World::new();
    world.run_secs(62);
    world.path.mtu[0] = 1300;
    world.a.check(world.now);
    world.run_secs(4);
    let PathMtu::Between(_, lost) = world.health().path_mtu else { panic!("{:?}", world.health()) };
    assert!(lost <= MTU);
    let mut world = World::new();
    world.run_secs(62);
    world.path.delay = None;
    world.a.check(world.now);
    world.run_secs(4);
    assert_eq!((world.health().answers, world.health().checking), (Answers::NoLonger, false));
}

#[test]
fn a_check_shows_at_once_what_has_become_better() {
    let mut world = World::new();
    world.path.mtu[0] = 1300;
    world.run_secs(62);
    assert_eq!(world.health().path_mtu, PathMtu::Is(1300));
    world.path.mtu[0] = MTU;
    world.a.check(world.now);
    world.run(100 * MS);
    assert_eq!((world.health().path_mtu, world.health().checking), (PathMtu::AtLeast(MTU), false));
    let mut world = World::new();
    world.run_secs(62);
    world.path.delay = None;
    world.run_secs(100);
    world.path.delay = Some(MS);
    world.a.check(world.now);
    world.run(100 * MS);
    assert_eq!((world.health().answers, world.health().checking), (Answers::Yes, false));
}

#[test]
fn a_check_of_who_never_answers_ends_after_a_second() {
    let mut world = World::new();
    world.b = None;
    world.run_secs(100);
    world.a.check(world.now);
    world.run_secs(1);
    assert_eq!((world.health().answers, world.health().checking), (Answers::Never, false));
}
