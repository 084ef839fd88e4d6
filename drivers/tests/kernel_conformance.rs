//! One suite, three twins: what drivers may rely on, whichever kernel they are given.

mod conformance;

use conformance::bench::{Bench, Twin};
use conformance::{addresses, firewalls, forwards, links, namespaces, plans, redirects, settings, sockets};

/// Each case as a test of each twin.
macro_rules! suite {
    ($($room:ident::$case:ident),* $(,)?) => {
        suite!(@twin fake Fake $($room::$case),*);
        suite!(@twin failing Failing $($room::$case),*);
        suite!(@twin linux Linux $($room::$case),*);
    };
    (@twin $twin:ident $kind:ident $($room:ident::$case:ident),*) => {
        mod $twin {
            use super::*;

            $(#[tokio::test]
            async fn $case() {
                if let Some(bench) = Bench::new(Twin::$kind) {
                    $room::$case(&bench).await;
                }
            })*
        }
    };
}

suite! {
    namespaces::a_namespace_has_lo_up_and_is_listed,
    namespaces::a_namespace_that_exists_is_not_made_again,
    namespaces::a_deleted_namespace_is_gone_with_what_was_in_it,
    namespaces::what_is_no_namespace_cannot_be_deleted,
    namespaces::plumbing_without_a_path_lives_as_long_as_its_holder,
    namespaces::plumbing_at_a_path_is_adopted_as_it_is,
    links::a_veth_has_each_end_in_its_place_and_up,
    links::a_veth_without_an_address_gets_a_local_one_of_its_own,
    links::a_guest_end_makes_nothing_that_a_header_cannot_describe,
    links::a_veth_that_cannot_be_leaves_nothing,
    links::with_one_end_of_a_veth_goes_the_other,
    links::an_interface_that_is_deleted_is_gone_at_once_with_its_addresses_and_its_name_is_free,
    links::a_tap_moves_to_its_place_under_its_name,
    links::a_tap_can_stay_at_home_and_only_change_its_name,
    links::a_tap_that_was_made_in_its_place_is_only_named_and_set_up,
    links::a_tap_that_cannot_move_stays_where_it_is,
    links::an_interface_is_changed_as_asked_and_no_further,
    links::what_is_not_there_is_named_in_the_error,
    addresses::addresses_come_and_go_one_by_one,
    addresses::an_address_brings_the_route_to_its_subnet,
    addresses::routes_come_and_go_one_by_one,
    addresses::a_look_at_an_interface_shows_its_own_addresses_and_routes_only,
    addresses::a_route_that_cannot_be_is_refused,
    addresses::a_way_out_has_the_source_and_the_mtu_of_its_interface,
    addresses::a_way_that_cannot_be_is_refused,
    settings::a_setting_is_changed_in_its_own_namespace_only,
    settings::settings_are_changed_all_or_none,
    settings::a_host_that_begins_to_forward_or_stops_has_all_its_interfaces_do_so_and_those_that_come,
    settings::a_setting_that_is_not_there_is_named,
    plans::a_plan_is_done_as_a_whole,
    plans::a_plan_that_cannot_be_done_changes_nothing,
    plans::an_empty_plan_only_needs_its_interface,
    plans::a_gateway_outside_every_subnet_is_reached_on_the_link,
    sockets::sockets_inside_neither_block_nor_are_inherited,
    sockets::sockets_need_a_namespace,
    redirects::a_redirection_can_be_made_changed_and_ended_again_and_again,
    redirects::a_redirection_is_known_to_stand_until_somebody_changes_a_rule,
    redirects::a_redirection_that_cannot_be_is_refused,
    forwards::a_host_that_drops_nothing_has_nothing_to_open,
    forwards::what_drops_is_seen_and_opened_where_it_offers_a_place,
    forwards::a_reading_of_how_the_host_forwards_changes_with_whatever_does,
    forwards::a_comment_or_an_interface_that_says_more_is_refused,
    firewalls::a_firewall_is_what_was_set_last,
    firewalls::a_change_of_any_part_of_a_firewall_is_seen,
    firewalls::what_was_there_before_and_whose_gateways_there_are_is_read_from_the_tables,
    firewalls::a_deleted_firewall_is_gone_and_may_be_already,
    firewalls::a_firewall_is_extended_by_networks_and_is_as_if_set_whole,
    firewalls::a_firewall_of_overlapping_networks_is_refused,
}
