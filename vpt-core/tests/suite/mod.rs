mod estimators;
mod feedback;
mod fixed;
mod forward;
mod freeze;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
#[path = "../../../tests/hub_server.rs"]
mod hub_server;
mod isolation;
mod optimiser;
mod probe;
mod refusal;
mod resume;
mod run;
mod split;
mod teacher;
mod theory;
mod third_modality;
mod toy;
mod traps;
mod weights;
