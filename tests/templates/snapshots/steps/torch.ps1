# PyTorch with CUDA, from the wheel itself: every package index has the build without CUDA under the same version.
# Whether it sees the GPU is checked after its dependencies are there, in the step packages. Whole is what pip's own list
# of its files says.
$Proves = $true
$Wanted = 'torch==2.0.1+cu118'
$Done = { (Invoke-Native $Python "-m guest.installed $Wanted" 'torch') -eq 0 }
$Do = {
    Wait-Download 'torch'
    Stop-Users
    # pip would take what a power cut has left of it for installed.
    $null = Invoke-Native $Python "-m guest.installed --again $Wanted" 'torch'
    $code = Invoke-Native $Python "-m pip install --no-deps --no-index --no-warn-script-location $((Find-Downloads 'torch').path)" 'torch' 40
    if ($code -ne 0) { throw (New-Trouble 'torch.pip' 'pip ended with {0}' 'See the end of the log.' $code) }
}
$Check = { if (-not (& $Done)) { throw (New-Trouble 'torch.missing' 'PyTorch 2.0.1+cu118 is not installed' 'See the end of the log.') } }
