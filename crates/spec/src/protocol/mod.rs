//! Protocols: which examples train, which choose, which test; and what their roles may share. How folds are made of them is in
//! `affekt-corpus`.

mod group;
mod permission;
mod published;
mod rules;
mod split_file;

use affekt_domain::Task;

use crate::Spec;

pub use group::Group;
pub use permission::{Permission, Sharing};
pub use published::Published;
pub use rules::Rules;
pub use split_file::{NamedRoles, SplitFile};

/// A way of making folds.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(tag = "kind")]
pub enum Protocol {
    /// One fold at random, stratified by class where there are classes and nothing else is asked for; recordings with identical audio
    /// share a role. Speakers are shared: the usual split of publications.
    Random(Random),
    /// As many folds as wished, no group in two roles of any: greedy assignment that balances size, classes and corpora.
    GroupKfold(GroupKfold),
    /// One fold a group, which it tests.
    LeaveOneGroupOut(LeaveOneGroupOut),
    /// One fold of the parts that the corpora assign.
    Official(Official),
    /// The folds of a CSV file: the user's own, or a published split.
    File(SplitFile),
    /// The folds that others published, by name: of EmoBox, EMO-SUPERB, SUPERB, and by custom.
    Published(Published),
    /// No split: every labelled example trains one final model, which has no score and is exported.
    None,
    /// No split: every example tests, for models and predictions from elsewhere.
    TestOnly,
}

/// One fold at random.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Random {
    /// Share of the examples to test on, rounded up as scikit-learn does.
    #[spec(default = 0.1, range = 0.001..=0.9)]
    pub test: f64,
    /// Share of the examples to choose on, likewise; 0 for none.
    #[spec(default = 0.1, range = 0.0..=0.9)]
    pub dev: f64,
    /// Whether every part has its share of each class, where there are classes. Without it only the sizes of the parts are fixed.
    #[spec(default = true, omit)]
    pub stratify: bool,
    /// Which of the many splits.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub split_seed: u64,
}

/// Groups are assigned to `folds` parts. Fold *i* tests part *i*, chooses on the next `dev_folds` parts and trains on the rest.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct GroupKfold {
    /// What must stay together.
    #[spec(default = Group::Speaker)]
    pub group: Group,
    /// Number of folds.
    #[spec(default = 5, range = 2..=1000)]
    pub folds: u32,
    /// What a fold chooses on.
    #[spec(name = "dev", key = "dev_folds", default = DevFolds(1))]
    pub dev_folds: DevFolds,
    /// Which of the many ways to assign groups.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub split_seed: u64,
}

/// Number of parts that a fold chooses on: `next-fold` for one, `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DevFolds(pub u32);

/// One fold a group, which it tests.
///
/// A fold's number is that in the session's name where all sessions end in numbers of their own (`IEMOCAP/Ses03` is
/// tested in fold 3); otherwise folds are numbered from 1 in the order of the groups' names.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct LeaveOneGroupOut {
    /// What is left out.
    #[spec(default = Group::Speaker)]
    pub group: Group,
    /// What a fold chooses on.
    #[spec(default = DevPart::NextGroup)]
    pub dev: DevPart,
    /// Which of the many ways to take a share of the training speakers. Without effect on other dev parts.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub split_seed: u64,
}

/// What a fold that tests one group chooses on.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
pub enum DevPart {
    /// The group after the one that is tested; after the last comes the first.
    NextGroup,
    /// Nothing.
    None,
    /// About this share of the training part, in whole speakers that are not tested.
    #[spec(value, key = "share", range = 0.001..=0.5, noun = "a share of the training part such as `0.1`")]
    Share(f64),
}

/// One fold of the parts that every corpus assigns to its utterances.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Official {
    /// What the fold chooses on.
    #[spec(default = OfficialDev::Official)]
    pub dev: OfficialDev,
    /// Which of the many ways to take a share of the training speakers. Without effect on other dev parts.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub split_seed: u64,
}

/// What is chosen on where parts are official. Utterances of an official dev part that is not chosen on have no role:
/// training on them would not be what others call training on the official part.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
pub enum OfficialDev {
    /// The official dev part, of which there must be one.
    Official,
    /// Nothing.
    None,
    /// About this share of the official training part, in whole speakers that are not tested.
    #[spec(value, key = "share", range = 0.001..=0.5, noun = "a share of the training part such as `0.1`")]
    Share(f64),
}

impl Protocol {
    /// Returns the word that experiments say under `kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Random(_) => "random",
            Self::GroupKfold(_) => "group-kfold",
            Self::LeaveOneGroupOut(_) => "leave-one-group-out",
            Self::Official(_) => "official",
            Self::File(_) => "file",
            Self::Published(_) => "published",
            Self::None => "none",
            Self::TestOnly => "test-only",
        }
    }

    /// Returns what has to be permitted before it can be followed.
    #[must_use]
    pub const fn needs(&self) -> &'static [Permission] {
        match self {
            Self::Random(_) => &[Permission::SharedSpeakers],
            Self::GroupKfold(_)
            | Self::LeaveOneGroupOut(_)
            | Self::Official(_)
            | Self::File(_)
            | Self::Published(_)
            | Self::None
            | Self::TestOnly => &[],
        }
    }

    /// Returns what must stand beside every figure from this protocol, whatever the examples.
    #[must_use]
    pub fn stamps(&self) -> Vec<String> {
        self.needs().iter().map(|permission| permission.stamp().to_owned()).collect()
    }

    /// Returns whether all its folds have a dev part.
    #[must_use]
    pub fn has_dev(&self) -> bool {
        match self {
            Self::Random(random) => random.dev > 0.0,
            Self::GroupKfold(kfold) => kfold.dev_folds.0 > 0,
            Self::LeaveOneGroupOut(leave_out) => leave_out.dev != DevPart::None,
            Self::Official(official) => official.dev != OfficialDev::None,
            Self::File(split) => split.has_dev(),
            Self::Published(published) => published.split().has_dev(),
            Self::None | Self::TestOnly => false,
        }
    }

    /// Returns whether the test and training parts of a fold differ in who speaks, and in nothing wider.
    #[must_use]
    pub fn separates_by_speaker(&self) -> bool {
        match self {
            Self::GroupKfold(kfold) => kfold.group == Group::Speaker,
            Self::LeaveOneGroupOut(leave_out) => leave_out.group == Group::Speaker,
            Self::Official(_) | Self::File(_) | Self::Published(_) => true,
            Self::Random(_) | Self::None | Self::TestOnly => false,
        }
    }

    /// Describes it in a report, for this number of folds.
    #[must_use]
    pub fn describe(&self, folds: usize, task: &Task) -> String {
        let share =
            |share: f64| format!("{:.0} % of the training part, in whole speakers, are dev", share * 100.0);
        match self {
            Self::Random(random) => {
                let percent = |share: f64| (share * 100.0).round();
                let (test, dev) = (percent(random.test), percent(random.dev));
                let how = match task {
                    Task::Classes(_) if random.stratify => "stratified by class",
                    Task::Classes(_) => "not stratified",
                    Task::Outputs(_) => "not stratified, since there are no classes",
                };
                format!("random split {how}, {}/{dev}/{test} % train/dev/test", 100.0 - test - dev)
            }
            Self::GroupKfold(kfold) => {
                let dev = if kfold.dev_folds.0 > 0 { "the next fold is dev" } else { "no dev part" };
                format!("{} folds over {}, none in two parts; {dev}", kfold.folds, kfold.group.plural())
            }
            Self::LeaveOneGroupOut(leave_out) => {
                let group = leave_out.group.name();
                let dev = match leave_out.dev {
                    DevPart::None => "no dev part".to_owned(),
                    DevPart::NextGroup => format!("the next {group} is dev"),
                    DevPart::Share(of) => share(of),
                };
                format!("{folds} folds, each tests one {group} and trains on the others; {dev}")
            }
            Self::Official(official) => {
                let dev = match official.dev {
                    OfficialDev::Official => "with their dev part".to_owned(),
                    OfficialDev::None => "no dev part".to_owned(),
                    OfficialDev::Share(of) => share(of),
                };
                format!("the corpora's official parts; {dev}")
            }
            Self::None => "no split: everything trains".to_owned(),
            Self::TestOnly => "no split: everything tests what was trained elsewhere".to_owned(),
            Self::File(_) | Self::Published(_) => {
                let dev = if self.has_dev() { "with a dev part" } else { "no dev part" };
                let count = if folds == 1 { "one fold".to_owned() } else { format!("{folds} folds") };
                let what = match self {
                    Self::Published(published) => format!("the published split `{}`", published.name()),
                    _ => "a split from a table".to_owned(),
                };
                format!("{what}, {count}, {dev}")
            }
        }
    }

    /// Returns the numbers of its folds in order, or `None` where they depend on the examples.
    #[must_use]
    pub fn fold_numbers(&self) -> Option<Vec<u32>> {
        match self {
            Self::Random(_) | Self::Official(_) | Self::None | Self::TestOnly => Some(vec![1]),
            Self::GroupKfold(kfold) => Some((1..=kfold.folds).collect()),
            Self::LeaveOneGroupOut(_) => None,
            Self::File(split) => Some(split.fold_numbers()),
            Self::Published(published) => Some(published.split().fold_numbers()),
        }
    }
}

impl Spec for DevFolds {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &crate::Limits) -> crate::Schema {
        crate::Schema::Words(vec![
            crate::Word::new("next-fold", "The part that the next fold tests."),
            crate::Word::new("none", "Nothing."),
        ])
    }

    fn read(field: crate::Field<'_>, _: &crate::Limits) -> Option<Self> {
        field.one_of(&[("next-fold", Self(1)), ("none", Self(0))])
    }
}
