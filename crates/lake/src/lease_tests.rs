use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;

const LONG: Duration = Duration::from_secs(3_600);

async fn candidate(lake: &Lake, lasts: Duration) -> Candidate {
    Candidate::new(lake, ORCHESTRATOR, "http://here".to_owned(), lasts).await.expect("a candidate")
}

async fn taken(candidate: &mut Candidate) -> Lease {
    match candidate.look().await.expect("an answer") {
        Look::Taken(lease) => lease,
        Look::Held(epoch) => panic!("{epoch:?} is held"),
    }
}

async fn is_held(candidate: &mut Candidate) -> bool {
    matches!(candidate.look().await.expect("an answer"), Look::Held(_))
}

#[tokio::test]
async fn one_leads_and_the_other_follows_when_the_lease_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for lake in [Lake::open_folder(folder.path()).expect("a lake"), Lake::over(Arc::new(InMemory::new()))] {
        let (mut one, mut other) = (candidate(&lake, LONG).await, candidate(&lake, LONG).await);
        let mut lease = taken(&mut one).await;
        lease.renew().await.expect("it is held");
        assert!(is_held(&mut other).await);
        lease.end().await;
        assert_eq!(taken(&mut other).await.epoch().number, 2);
    }
}

#[tokio::test]
async fn promise_47_a_holder_that_dies_on_a_folder_is_followed_at_once_and_one_that_lives_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open_folder(folder.path()).expect("a lake");
    let (mut one, mut other) = (candidate(&lake, LONG).await, candidate(&lake, LONG).await);
    let lease = taken(&mut one).await;
    assert!(is_held(&mut other).await && is_held(&mut other).await);
    // The lock goes as it goes when the process dies; nothing was given back.
    drop(lease);
    assert_eq!(taken(&mut other).await.epoch().number, 2);
}

#[tokio::test]
async fn promise_47_a_silent_holder_is_followed_by_the_waiters_own_clock_and_its_token_is_refused() {
    let lake = Lake::over(Arc::new(InMemory::new()));
    let (mut one, mut other) = (candidate(&lake, LONG).await, candidate(&lake, Duration::from_millis(60)).await);
    let mut first = taken(&mut one).await;
    lake.check_fencing_token(1).await.expect("it leads");
    for _ in 0..3 {
        assert!(is_held(&mut other).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
        first.renew().await.expect("a holder that gives signs of life keeps the lease");
    }
    assert!(is_held(&mut other).await);
    tokio::time::sleep(Duration::from_millis(80)).await;
    let second = taken(&mut other).await;
    assert_eq!(second.epoch().number, 2);
    for refused in [first.renew().await, first.check().await, lake.check_fencing_token(1).await] {
        let said = refused.expect_err("superseded").to_string();
        assert_eq!(said, "superseded by orchestrator epoch 2: this is for epoch 1");
    }
    lake.check_fencing_token(2).await.expect("it leads");
    lake.check_fencing_token(0).await.expect("an operator's own call");
    lake.check_fencing_token(3).await.expect_err("nobody holds that epoch");
}

#[tokio::test]
async fn promise_47_of_many_that_look_at_the_same_moment_one_leads() {
    let folder = tempfile::tempdir().expect("a folder");
    for lake in [Lake::open_folder(folder.path()).expect("a lake"), Lake::over(Arc::new(InMemory::new()))] {
        let looks = (0..8).map(|_| async {
            let mut candidate = candidate(&lake, LONG).await;
            (candidate.look().await.expect("an answer"), candidate)
        });
        let all = futures::future::join_all(looks).await;
        let leaders = all.iter().filter(|(look, _)| matches!(look, Look::Taken(_))).count();
        assert_eq!(leaders, 1, "{all:?}");
    }
}

#[tokio::test]
async fn old_epochs_are_not_kept_for_ever() {
    let lake = Lake::over(Arc::new(InMemory::new()));
    for _ in 0..40 {
        taken(&mut candidate(&lake, LONG).await).await.end().await;
    }
    assert_eq!(lake.newest_epoch(ORCHESTRATOR).await.expect("an answer"), 40);
    let kept = lake.list("state/orchestrator").await.expect("listed").len();
    assert!(kept <= 40, "{kept} keys");
}
