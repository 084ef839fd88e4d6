//! The help of every command is what was last agreed on, and has an example.

use clap::Command;
use lanloom::cli::Cli;

#[test]
fn every_command_s_help_is_as_agreed() {
    for command in commands() {
        let text = command.clone().term_width(100).render_long_help().to_string();
        let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(command.get_name().to_owned(), trimmed.join("\n"));
    }
}

#[test]
fn every_command_that_does_something_shows_an_example() {
    for command in commands().into_iter().filter(|command| !command.has_subcommands()) {
        let help = command.clone().render_long_help().to_string();
        let call = format!("  {}", command.get_name().replace('-', " "));
        let shown = help.split_once("Example:\n").is_some_and(|(_, examples)| examples.contains(call.trim_start()));
        assert!(shown, "{help}");
    }
}

#[test]
fn the_aliases_of_the_manual_are_everywhere() {
    let pairs = [("ls", "list"), ("delete", "rm"), ("show", "inspect")];
    for command in commands() {
        for (name, alias) in pairs {
            if let Some(found) = command.find_subcommand(name) {
                let has = found.get_name() == alias || found.get_all_aliases().any(|other| other == alias);
                assert!(has || found.get_name() != name, "{} {name} has no alias {alias}", command.get_name());
            }
        }
    }
}

#[test]
fn the_description_holds_together() {
    Cli::description().debug_assert();
}

/// Every command, by its full name: `lanloom-switch-create`.
fn commands() -> Vec<Command> {
    fn collect(command: &Command, parent: &str, all: &mut Vec<Command>) {
        let name = if parent.is_empty() { command.get_name().to_owned() } else { format!("{parent}-{}", command.get_name()) };
        all.push(command.clone().name(name.clone()));
        command.get_subcommands().for_each(|child| collect(child, &name, all));
    }
    let mut root = Cli::description().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    collect(&root, "", &mut all);
    all
}
