//! The same command gives the same run.

use super::{Artefacts, METHODS, Place, STEPS, printed, reference, train_args};
use std::path::Path;

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for method in METHODS {
        let place = Place::new();
        place.train("again", &["--set", &format!("method={method}")]);
        Artefacts::read(&place.path("again")).assert_same(&reference(method));
    }
}

#[test]
fn threads_change_nothing() {
    for method in METHODS {
        let place = Place::new();
        for threads in ["1", "2"] {
            let set = format!("method={method}");
            let mut command = place.vpt(&train_args(threads, &["--set", &set]));
            command.env("RAYON_NUM_THREADS", threads);
            printed(command);
            Artefacts::read(&place.path(threads)).assert_same(&reference(method));
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    for method in METHODS {
        let place = Place::new();
        place.train(
            "other",
            &["--set", &format!("method={method}"), "--set", "seed=1"],
        );
        let other = Artefacts::read(&place.path("other"));
        assert_ne!(other.weights(), reference(method).weights(), "{method}");
    }
}

#[test]
fn methods_differ_and_their_runs_say_so() {
    let [ntp, value, random] = METHODS.map(reference);
    assert_ne!(ntp.weights(), value.weights());
    assert_ne!(value.weights(), random.weights());
    let designer = Path::new("designer/designer.safetensors");
    assert!(!ntp.bytes.contains_key(designer));
    assert_ne!(value.bytes[designer], random.bytes[designer]);
    for (run, values) in [(&ntp, 0), (&value, 4), (&random, 4)] {
        let count = |kind| run.events().iter().filter(|e| e["event"] == kind).count();
        assert_eq!(count("step"), STEPS);
        assert_eq!(count("value"), values, "burn-in 2, then every third step");
        // Validation and off-target at 0, 5, 10 and the end; the test set at the end alone.
        assert_eq!(count("evaluation"), 9);
    }
}

/// A gate that is shut leaves one-hot targets, whatever the designer does.
#[test]
fn value_with_a_shut_gate_is_next_token_prediction() {
    let place = Place::new();
    place.train("shut", &["--set", "designer.alpha_max=0"]);
    let shut = Artefacts::read(&place.path("shut"));
    assert_eq!(shut.weights(), reference("ntp").weights());
    assert_eq!(
        shut.json[Path::new("evaluation.json")],
        reference("ntp").json[Path::new("evaluation.json")]
    );
}

/// One order of documents for every method of a seed: the first loss is the same, from the same weights.
#[test]
fn methods_of_a_seed_begin_alike() {
    let first = |method| {
        let run = reference(method);
        let step = run.events().iter().find(|e| e["event"] == "step").cloned();
        step.unwrap()["loss"].clone()
    };
    assert_eq!(first("ntp"), first("value"));
    assert_eq!(first("ntp"), first("random"));
}
