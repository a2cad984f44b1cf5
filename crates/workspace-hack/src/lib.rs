//! Holds no code: its manifest gives shared dependencies the same features in every program.
