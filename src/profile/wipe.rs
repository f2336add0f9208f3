//! Makes a plan for taking a gateway out of service of what its profile says and of what a driver can do.

use crate::model::ids::{DriverId, LinkKind};
use crate::model::wipe::{Plan, PlanStep, Store, WIFI};
use crate::profile::rules::{
    AtRest, CredentialKind, CredentialRule, Precondition, Profile, PushRule, PushWay, WipeStep,
};

impl Profile {
    /// What is to be done over a driver, in order, and where each credential lies; nothing where the profile does not say.
    pub fn removal(&self, driver: DriverId) -> Option<Plan> {
        let wipe = self.wipe.as_ref()?;
        Some(Plan {
            steps: wipe.steps.iter().map(step).collect(),
            stores: self.stores(&wipe.steps, driver),
            medium: wipe.medium.clone(),
            is_medium_encrypted: wipe.at_rest == AtRest::Encrypted,
            restarts: driver.facts().wipe.restarts,
            guidance: wipe.guidance.clone(),
        })
    }

    /// The driver by which a gateway is taken out of service over a link: the profile's, else the usual one.
    pub fn wiping_driver(&self, link: LinkKind) -> DriverId {
        self.driver_for(link).map_or_else(|| DriverId::usual_over(link), |binding| binding.driver)
    }

    /// How a driver puts a credential onto the device, and so where it lies.
    pub fn place_of(&self, credential: &str, driver: DriverId) -> Option<&PushRule> {
        let rule = self.credentials.iter().find(|rule| rule.id == credential)?;
        rule.push.iter().find(|push| push.driver == driver)
    }

    /// Every place of everything that a step names.
    fn stores(&self, steps: &[WipeStep], driver: DriverId) -> Vec<Store> {
        let is_named = |id: &str| steps.iter().any(|step| step.removes.iter().any(|removed| removed == id));
        // Whether the gateway keeps networks as this driver thinks is as sure as that it speaks it at all.
        let is_guess = self.drivers.iter().any(|binding| binding.driver == driver && binding.is_guess());
        let networks = driver.facts().wipe.networks.iter().map(|known| Store {
            credential: WIFI.into(),
            key: known.key.into(),
            place: known.place.into(),
            is_reachable: true,
            is_assumed: !known.is_whole || is_guess,
        });
        let lies_there = |rule: &&CredentialRule| {
            // A SIM is taken out or blocked; its secret never was on the device's own storage.
            rule.at_rest != AtRest::Elsewhere && rule.kind != CredentialKind::SimIdentity && is_named(&rule.id)
        };
        let credentials = self.credentials.iter().filter(lies_there).map(|rule| store(rule, driver));
        networks.filter(|_| is_named(WIFI)).chain(credentials).collect()
    }
}

fn store(rule: &CredentialRule, driver: DriverId) -> Store {
    let pushed = rule.push.iter().find(|push| push.driver == driver);
    // What went to an endpoint cannot be read back.
    let readable = pushed.filter(|push| !matches!(push.way, PushWay::Endpoint { .. }));
    Store {
        credential: rule.id.clone(),
        key: String::new(),
        place: readable.map_or_else(|| rule.kept.clone(), |push| push.way.path().to_owned()),
        is_reachable: readable.is_some(),
        is_assumed: pushed.is_some_and(|push| push.basis.is_assumed()),
    }
}

fn step(step: &WipeStep) -> PlanStep {
    PlanStep {
        id: step.id.clone(),
        does: step.does.clone(),
        actor: step.by,
        claim: step.claim,
        removes: step.removes.clone(),
        needs_online: step.needs.contains(&Precondition::Online),
        evidence: step.evidence.clone(),
        otherwise: step.otherwise.clone(),
        warning: step.warning.clone(),
    }
}
