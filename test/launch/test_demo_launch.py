"""The whole chain as `make demo` runs it: played, segmented, planned on, drawn; ends by itself."""

import subprocess


def test_the_demonstration_draws_every_scene_and_ends(composed, tmp_path):
    done = subprocess.run(
        ['ros2', 'launch', 'seq_amodal_ros', 'demo.launch.py', 'scenes:=2',
         f'folders:=["{composed / "images"}"]', f'pictures:={tmp_path}'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['scene_001.png', 'scene_002.png']
    assert 'pick 1 (layer 1, 100% visible)' in done.stdout
    assert 'Traceback' not in done.stdout
    assert done.returncode == 0, done.stdout


def test_what_cannot_be_played_ends_all_and_says_why(tmp_path):
    done = subprocess.run(
        ['ros2', 'launch', 'seq_amodal_ros', 'demo.launch.py', 'scenes:=2',
         f'folders:=["{tmp_path}"]', f'pictures:={tmp_path}'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180)
    assert 'picture in any of them' in done.stdout
    assert 'exit code 1' in done.stdout and done.stdout.count('finished cleanly') == 2
    assert 'Traceback' not in done.stdout


def test_ctrl_c_ends_all_three_cleanly(launched, composed, tmp_path):
    demo = launched('demo.launch.py', 'scenes:=99', f'pictures:={tmp_path}',
                    f'folders:=["{composed / "images"}"]')
    output = demo.read_until('segmenting /demo/image_raw')
    rest, status = demo.interrupted()
    assert rest.count('finished cleanly') == 3
    assert 'Traceback' not in output + rest
    assert status == 0, rest
