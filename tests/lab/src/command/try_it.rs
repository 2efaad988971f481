//! What to try by hand once the lab is up.

use walbridge_lab::Lab;

/// Returns the text that `lab up` ends with.
pub(super) fn text(lab: &Lab) -> String {
    let (east, west) = (lab.east().connect_url(), lab.west().connect_url());
    format!(
        "
Both sites stay up, and the load goes on for an hour. Try:

  Write at east, read at west
    ./lab sql east -c \"create table notes (id int primary key, note text)\"
    ./lab sql east -c \"insert into notes values (1, 'hello from east')\"
    ./lab sql west -c \"select * from notes\"

  Pull the cable between the sites, write on, watch it catch up
    ./lab cut
    ./lab sql east -c \"insert into notes values (2, 'written during the cut')\"
    ./lab status
    ./lab heal
    ./lab sql west -c \"select * from notes\"

  Ask the workers (Kafka Connect's REST API)
    curl {east}/connectors?expand=status
    curl {west}/connectors?expand=status
    curl {west}/metrics

  Read a topic
    ./lab topic west
    ./lab topic west {topic} --last 3

  Kill something and look
    kill -9 $(cut -d' ' -f1 {pids}/west-worker.pid)     then: ./lab up --for 10
    ./lab net delay 80        ./lab net reset        ./lab heal
    ./lab load stop           ./lab load start --rate 500
    ./lab logs                ./lab logs east-worker

  ./lab env prints where everything is. ./lab down ends it all and leaves nothing behind.",
        topic = "east.public.pgbench_branches",
        pids = lab.dir().join("pids").display(),
    )
}
