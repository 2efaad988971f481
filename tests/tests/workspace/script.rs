//! The script `lab` in the project's folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// After a first `./lab up` there is a release build, after `./lab test` a dev build: either will do.
#[test]
fn commands_run_with_whichever_build_there_is() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab");
    for build in ["release", "debug"] {
        let target = tempfile::tempdir().unwrap();
        let program = target.path().join(build).join("lab");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "#!/bin/sh\necho \"ran $@\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&script)
            .arg("status")
            .env("CARGO_TARGET_DIR", target.path())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed, "ran status\n", "{build}: {output:?}");
    }
}
