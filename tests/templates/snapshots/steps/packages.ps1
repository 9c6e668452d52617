# The locked packages, each with its hash. Nothing is resolved: newer ones of several packages break the demo.
# Whole is what pip's own lists of their files say.
$Locks = "$Root\guest\requirements-windows-build.txt", "$Root\guest\requirements-windows.txt"
$Done = { (Invoke-Native $Python "-m guest.installed $Locks" 'packages') -eq 0 }
$Do = {
    # The check before may have failed as these have broken since.
    if ($try -gt 1) {
        foreach ($before in 'python', 'torch') { Complete-Step ($Manifest.steps | Where-Object { $_.name -eq $before }) }
        $Status.step = $name
        Set-Message "step.$name" $step.title
    }
    Stop-Users
    $null = Invoke-Native $Python "-m guest.installed --again $Locks" 'packages'
    $mirrors = @($Settings.packageMirrors)
    # Each try begins with another one, and none gets the time of all.
    for ($at = 0; $at -lt $mirrors.Count; $at++) {
        $mirror = $mirrors[($at + $try - 1) % $mirrors.Count]
        $code = 0
        foreach ($lock in $Locks) {
            # Without isolation, as pip would fetch unpinned build tools into it.
            try {
                if ($code -eq 0) { $code = Invoke-Native $Python "-m pip install --require-hashes --no-deps --no-build-isolation --no-input --disable-pip-version-check --no-warn-script-location --retries 3 --timeout 30 --index-url $mirror -r $lock" 'packages' 20 }
            } catch { $code = (Read-Trouble $_).message }
        }
        if ($code -eq 0) { return }
        Set-Message 'packages.mirror' "$mirror failed: $code" $mirror, $code
    }
    throw (New-Trouble 'packages.mirrors' 'no package index gave all packages; the last one: {0}' 'See the end of the log; set other packageMirrors.' $code)
}
$Check = {
    $code = Invoke-Native $Python '-c "import torch; assert torch.version.cuda, ''this PyTorch has no CUDA''; assert torch.cuda.is_available(), ''no GPU''"' 'packages' 10
    if ($code -ne 0) { throw (New-Trouble 'packages.no-gpu' 'PyTorch does not see the GPU' 'Look at the step driver; the log tells PyTorch''s own reason.') }
}
