//! Leading and standing by: one orchestrator on a lake drives runs, the others wait until it ends, dies or falls silent.

use std::time::Duration;

use champion_lake::{Candidate, Epoch, Lake, LakeError, Lease, Look, ORCHESTRATOR};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Error;
use crate::audits::Audits;
use crate::config::LeaseConfig;
use crate::journal::Journal;
use crate::office::{Office, OfficeError, Role, Standby, Tenure};
use crate::records::{RecordError, Records};
use crate::runs::{Parts, Runs};
use crate::schedule::Schedule;

/// Pause between two looks at who leads: a local file, or a request to a store.
const LOOK_IN_FOLDER: Duration = Duration::from_millis(200);
const LOOK_IN_BUCKET: Duration = Duration::from_secs(1);
/// Signs of life within the time after which a holder counts as silent.
const BEATS_A_LEASE: u32 = 5;

/// What leads, when its turn comes.
pub(crate) struct Leadership {
    pub(crate) lake: Lake,
    pub(crate) in_bucket: bool,
    pub(crate) journal: Journal,
    pub(crate) office: Office,
    pub(crate) rules: LeaseConfig,
    /// Where this orchestrator can be asked.
    pub(crate) address: String,
    /// What each tenure's runs are made of.
    pub(crate) parts: Parts,
    pub(crate) schedule: Schedule,
    pub(crate) audits: Audits,
    /// Time left to runs when the process stops.
    pub(crate) grace: Duration,
}

impl Leadership {
    /// Leads and stands by in turn until the stop; `first` is told once it is known which comes first.
    pub(crate) async fn keep(self, stop: CancellationToken, first: oneshot::Sender<()>) -> Result<(), Error> {
        let mut first = Some(first);
        loop {
            let Some(lease) = self.wait(&stop, &mut first).await? else { return Ok(()) };
            let epoch = lease.epoch().clone();
            info!(epoch = epoch.number, address = epoch.address, "this orchestrator is active");
            let superseded = CancellationToken::new();
            let ending = CancellationToken::new();
            let records = Records::new(self.lake.clone(), self.journal.clone(), epoch.number);
            let beating = beat(lease, records.clone(), self.every(), superseded.clone(), ending.clone());
            let beating = tokio::spawn(beating);
            let led = self.lead(epoch, records, &superseded, &stop, &mut first).await;
            ending.cancel();
            let _ = beating.await;
            led?;
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    fn every(&self) -> Duration {
        Duration::from_secs(self.rules.seconds.get()) / BEATS_A_LEASE
    }

    /// Waits until this orchestrator leads; `None` when the process stops before.
    async fn wait(
        &self,
        stop: &CancellationToken,
        first: &mut Option<oneshot::Sender<()>>,
    ) -> Result<Option<Lease>, Error> {
        let lasts = Duration::from_secs(self.rules.seconds.get());
        let pause = if self.in_bucket { LOOK_IN_BUCKET } else { LOOK_IN_FOLDER };
        let mut candidate = None;
        let mut told = None;
        loop {
            let look = async {
                let candidate = match &mut candidate {
                    Some(candidate) => candidate,
                    none => none.insert(Candidate::new(&self.lake, ORCHESTRATOR, self.address.clone(), lasts).await?),
                };
                candidate.look().await
            };
            let standby = match look.await {
                Ok(Look::Taken(lease)) => return Ok(Some(lease)),
                Ok(Look::Held(leader)) => Standby { leader: Some(leader), trouble: String::new() },
                Err(error) => Standby { leader: None, trouble: error.to_string() },
            };
            let seen = (standby.leader.as_ref().map(|leader| leader.number), standby.trouble.clone());
            if told.as_ref() != Some(&seen) {
                match &standby.leader {
                    Some(Epoch { number, address, .. }) => {
                        info!(epoch = number, active = address, "this orchestrator stands by");
                    }
                    None => error!(reason = standby.trouble, "nobody can lead: the lease cannot be taken"),
                }
                told = Some(seen);
                self.office.set_role(Role::Standby(standby));
            }
            if let Some(first) = first.take() {
                let _ = first.send(());
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Drives runs until another orchestrator leads or the process stops.
    async fn lead(
        &self,
        epoch: Epoch,
        records: Records,
        superseded: &CancellationToken,
        stop: &CancellationToken,
        first: &mut Option<oneshot::Sender<()>>,
    ) -> Result<(), Error> {
        match self.office.prepare(&records).await {
            Ok(()) => {}
            Err(OfficeError::Journal(error)) => return Err(error.into()),
            Err(OfficeError::Record(RecordError::Superseded(_))) => {
                self.office.leads_no_longer(&epoch).await;
                return Ok(());
            }
            // Runs can be driven all the same: what is not known of the lake is asked again.
            Err(error) => error!(%error, "the journal is not in step with the lake: run `champion journal rebuild`"),
        }
        let tenure_stop = stop.child_token();
        let runs = Runs::new(self.parts.clone(), records.clone(), tenure_stop.clone(), superseded.clone());
        let resumed = runs.resume_unfinished().await?;
        if resumed > 0 {
            info!(runs = resumed, "runs that were cut off go on");
        }
        self.office.set_role(Role::Active(Tenure { epoch: epoch.clone(), runs: runs.clone(), records }));
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
        let schedule = tokio::spawn(self.schedule.clone().keep(runs.clone(), tenure_stop.clone()));
        let audits = tokio::spawn(self.audits.clone().keep(runs.clone(), tenure_stop.clone()));
        tokio::select! {
            () = stop.cancelled() => {
                // Nothing begins behind the runs that are waited for.
                let _ = schedule.await;
                let _ = audits.await;
                runs.stopped(self.grace).await;
            }
            () = superseded.cancelled() => {
                self.office.leads_no_longer(&epoch).await;
                tenure_stop.cancel();
                // A step that is under way is another's now.
                runs.abandoned().await;
                let _ = schedule.await;
                let _ = audits.await;
            }
        }
        Ok(())
    }
}

/// Gives signs of life and brings in what the lake could not take, until the tenure ends.
async fn beat(
    mut lease: Lease,
    records: Records,
    every: Duration,
    superseded: CancellationToken,
    ending: CancellationToken,
) {
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            () = tokio::time::sleep(every) => {}
        }
        match lease.renew().await {
            Ok(()) => {}
            Err(LakeError::Superseded { .. }) => superseded.cancel(),
            Err(error) => warn!(%error, "no sign of life was written; another orchestrator may take over"),
        }
        match records.catch_up().await {
            Ok(()) => {}
            Err(RecordError::Superseded(_)) => superseded.cancel(),
            Err(error) => warn!(%error, "what only the journal knows is not in the lake yet"),
        }
    }
    lease.end().await;
}
