//! Processes are killed at random moments. A failure prints the seed; [`SEED`] plays it again, as far as moments can
//! be played again.

use std::time::Duration;

use anyhow::ensure;
use pgbelay_core::rollout::MAX_ATTEMPTS;
use pgbelay_tests::world::PATIENCE;

use super::stage::Stage;
use super::truth::Fate::Applied;

/// Names the seed of the moments.
const SEED: &str = "PGBELAY_TESTS_SEED";

const DATABASES: [&str; 2] = ["orders-1", "orders-2"];

const VERSIONS: [&str; 12] =
    ["001", "002", "003", "004", "005", "006", "007", "008", "009", "010", "011", "012"];

/// How often the controller is killed.
const CONTROLLER_KILLS: u32 = 5;

/// How often anything is killed: an agent that is hit once more on one run is given up.
const ANY_KILLS: u32 = MAX_ATTEMPTS - 1;

/// Longest time from one start to the next kill: five of them are about as long as the rollout.
const LONGEST_LIFE_MS: u64 = 700;

/// Each migration takes this long, so that there are moments in the middle of it.
const SLOW: &str = "SELECT pg_sleep(0.1);\n";

/// Random numbers of one seed (splitmix64): good enough to choose moments.
struct Dice(u64);

impl Dice {
    #[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "the one setting of these tests")]
    fn thrown() -> anyhow::Result<Self> {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse()?,
            Err(_) => uuid::Uuid::new_v4().as_u64_pair().0,
        };
        println!("{SEED}={seed}");
        Ok(Self(seed))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Lets a random time pass. The moment is what this test is about; nothing is waited for here.
    async fn moment(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.below(LONGEST_LIFE_MS))).await;
    }
}

async fn all_is_true(stage: &Stage) -> anyhow::Result<()> {
    for database in DATABASES {
        stage.is_true(database, &VERSIONS.map(|version| (version, Applied))).await?;
        // An agent that dies between its backup and the report takes another one.
        ensure!(stage.backups(database)? >= 1, "{database} has a backup");
    }
    Ok(())
}

#[tokio::test]
async fn the_controller() -> anyhow::Result<()> {
    let mut dice = Dice::thrown()?;
    let mut stage = Stage::of(&DATABASES, "required", &[]).await?;
    stage.write(&VERSIONS, SLOW)?;
    let args = ["migrate", "--env", "staging", "--force", "--output", "json"];
    let mut watching = stage.world.spawn_cli(&args, "watching")?;
    stage.has_begun().await?;
    for _ in 0..CONTROLLER_KILLS {
        dice.moment().await;
        stage.world.kill_controller()?;
        // Not waited for: the next kill may come while it reads its ledger.
        stage.world.launch_controller()?;
    }
    let status = watching.wait(PATIENCE).await?;
    ensure!(status.success(), "{status}: {}", watching.log_tail());
    for database in DATABASES {
        ensure!(stage.backups(database)? == 1, "no backup of {database} was repeated");
    }
    all_is_true(&stage).await
}

#[tokio::test]
async fn any_process() -> anyhow::Result<()> {
    let mut dice = Dice::thrown()?;
    let mut stage = Stage::of(&DATABASES, "required", &[]).await?;
    stage.write(&VERSIONS, SLOW)?;
    let rollout = stage.migrate().await?;
    for _ in 0..ANY_KILLS {
        dice.moment().await;
        match dice.below(4) {
            0 => stage.world.kill_controller().and_then(|()| stage.world.launch_controller())?,
            1 => {
                stage.world.kill_controller()?;
                DATABASES.iter().try_for_each(|database| stage.restart_agent(database))?;
                stage.world.launch_controller()?;
            }
            2 => stage.restart_agent(DATABASES[0])?,
            _ => stage.restart_agent(DATABASES[1])?,
        }
    }
    stage.succeeds(&rollout).await?;
    all_is_true(&stage).await
}
