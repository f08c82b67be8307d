//! `pgbelay explain`: what a hazard is, and the safer way.

use clap::Args;
use pgbelay_analysis::{hazard, hazards, nearest_hazard};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::explain::{HazardLine, HazardList, HazardPage};

const EXAMPLES: &str = "\
Examples:
  pgbelay explain                every hazard that lint and plan look for
  pgbelay explain drop-column    what happens, who waits, and the safer way";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// The hazard, as lint and plan name it; without one, all are listed
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let Some(id) = &args.id else {
        let line = |info: &pgbelay_analysis::HazardInfo| HazardLine {
            id: info.id,
            severity: info.severity,
            title: info.title,
        };
        let list = HazardList { hazards: hazards().iter().map(line).collect() };
        app.screen.present(&list, render::explain::list);
        return Ok(ExitCode::Done);
    };
    let Some(info) = hazard(id) else {
        let shown: String = id.chars().take(60).collect();
        let hint = match nearest_hazard(id) {
            Some(near) => format!("did you mean {near}? pgbelay explain lists them all"),
            None => "pgbelay explain lists them all".into(),
        };
        return Err(CliError::usage(format!("there is no hazard called {shown:?}")).hint(hint));
    };
    let page = HazardPage { id: info.id, severity: info.severity, title: info.title, page: info.page };
    app.screen.present(&page, render::explain::page);
    Ok(ExitCode::Done)
}
