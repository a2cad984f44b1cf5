//! The registry as a whole.

use std::collections::BTreeSet;

#[test]
fn no_name_is_given_twice() {
    let mut known = BTreeSet::new();
    for definition in affekt_ops::ALL {
        for name in std::iter::once(&definition.name).chain(definition.aliases) {
            assert!(known.insert(*name), "`{name}` is the name of two operations");
            assert!(std::ptr::eq(affekt_ops::find(name).unwrap(), *definition));
        }
        let inputs: BTreeSet<_> = definition.inputs.iter().map(|port| port.name).collect();
        assert_eq!(inputs.len(), definition.inputs.len(), "{} has two ports of one name", definition.name);
        let fields = (definition.fields)();
        let mut keys = BTreeSet::from(["op", "in", "per", "resources"]);
        for field in &fields {
            for name in std::iter::once(&field.name).chain(field.aliases) {
                assert!(keys.insert(*name), "{} has the parameter `{name}` twice", definition.name);
            }
            assert!(!field.about.is_empty(), "nothing is said of `{}` of {}", field.name, definition.name);
        }
    }
}
